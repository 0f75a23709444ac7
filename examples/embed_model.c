/* embed_model.c - a model as an array in the program: no file, no allocation

   cc -O2 -I. examples/embed_model.c -o embed_model -lm
   embed_model
   embed_model.h is written by rppg_tools pack --c; embed_model.py says how.                      */
#define RPPG_IMPLEMENTATION
#include "rppg_nn.h"

#include "embed_model.h"
#include <stdio.h>

int main(void)
{
  static unsigned char mem[16384]; /* rppg_nn_mem_size says how much; open refuses too little */
  const float wave[12] = { 0, 1, 3, 1, 0, 0, 0, 2, 4, 2, 0, 0 }; /* two beats */
  float peaks[12];
  const float *in[1];
  float *out[1];
  rppg_nn_model model;
  rppg_nn_error error;
  int i;
  if (rppg_nn_open(&model, embed_model, sizeof embed_model, mem, sizeof mem, &error) != RPPG_OK) {
    fprintf(stderr, "embed_model: %s: %s\n", error.what, error.field);
    return 1;
  }
  in[0] = wave;
  out[0] = peaks;
  rppg_nn_run(&model, in, out);
  printf("%d bytes of model, %lu bytes of memory\n", (int)sizeof embed_model,
         (unsigned long)rppg_nn_mem_size(embed_model, sizeof embed_model));
  for (i = 0; i < 12; i++) printf("%s%g", i ? " " : "", (double)peaks[i]);
  printf("\n");
  return 0;
}
