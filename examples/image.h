/* image.h - stb_image.h (Debian: libstb-dev), where it is found at build time

   -DRPPG_HAVE_STB=0 or 1 overrides the search; afterwards it is defined, as 0 or 1.             */
#ifndef IMAGE_H
#define IMAGE_H

#ifndef RPPG_HAVE_STB
#  if defined(__has_include)
#    if __has_include(<stb/stb_image.h>)
#      define RPPG_HAVE_STB 1
#    endif
#  endif
#endif
#ifndef RPPG_HAVE_STB
#  define RPPG_HAVE_STB 0
#endif
#if RPPG_HAVE_STB
#  define STB_IMAGE_IMPLEMENTATION
#  define STBI_NO_HDR
#  define STBI_NO_LINEAR
#  define STBI_MAX_DIMENSIONS 32768
#  if defined(__GNUC__)
#    pragma GCC diagnostic push
#    pragma GCC diagnostic ignored "-Wconversion"
#    pragma GCC diagnostic ignored "-Wsign-conversion"
#    pragma GCC diagnostic ignored "-Wshadow"
#    pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#  endif
#  include <stb/stb_image.h>
#  if defined(__GNUC__)
#    pragma GCC diagnostic pop
#  endif
#endif

#endif
