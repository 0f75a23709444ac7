/* vitals.h - what a clip tells beyond its rate: beats, their variability, breathing */
#ifndef VITALS_H
#define VITALS_H

#include "report.h"

enum { VITALS_BEATS = 16384 }; /* kept: three hours of 90 a minute */

/* Beats are logged from the waves of the session that is shown. Breathing needs a longer wave: a
   second session looks back a minute.                                                            */
typedef struct vitals {
  rppg_session minute;
  rppg_beat_log log;
  history breaths;      /* rates of breath in hr_bpm; their summary is that of heart rates */
  double *work;
  int id;               /* whose beats they are, where several people were found */
  rppg_hrv hrv;         /* at the end */
  size_t beats;
} vitals;

static void vitals_start(vitals *v, const rppg_config *cfg)
{
  rppg_config minute = *cfg;
  rppg_beat_log_config log;
  size_t size;
  memset(v, 0, sizeof *v);
  minute.window_s = 60.0;
  minute.min_window_s = RPPG_RESP_MIN_S;
  start_session(&v->minute, &minute);
  memset(&log, 0, sizeof log);
  log.rate_hz = cfg->rate_hz;
  log.window_s = cfg->window_s;
  log.beats = VITALS_BEATS;
  if (cfg->bpm_max > 0.0) {
    log.find.bpm_min = cfg->bpm_min;
    log.find.bpm_max = cfg->bpm_max;
  }
  size = rppg_beat_log_mem_size(&log);
  if (rppg_beat_log_init(&v->log, &log, must_alloc(size), size) != RPPG_OK) die(EXIT_USAGE, "--vitals does not go with these options");
  size = rppg_respiration_work((size_t)(60.0 * cfg->rate_hz + 0.5), cfg->rate_hz);
  v->work = (double *)must_alloc(size * sizeof *v->work);
}

/* After an estimate of the session that is shown; id: of the person, 0 where a face box was given. */
static void vitals_add(vitals *v, rppg_session *shown, int id, double rate_hz)
{
  size_t n;
  const float *wave = rppg_wave(shown, &n);
  rppg_resp resp;
  rppg_result r;
  if (id != v->id) rppg_beat_log_reset(&v->log);
  v->id = id;
  if (wave && rppg_beat_log_push(&v->log, wave, n, rppg_wave_end(shown)) == RPPG_ERR_DATA)
    rppg_beat_log_reset(&v->log); /* the clock went back */
  if (rppg_estimate(&v->minute, &r) != RPPG_OK) return;
  wave = rppg_wave(&v->minute, &n);
  if (!wave || rppg_respiration(wave, n, rate_hz, NULL, &resp, v->work) != RPPG_OK) return;
  r.hr_bpm = resp.rate;
  r.confidence = resp.confidence;
  history_add(&v->breaths, &r);
}

/* At the end. fps: of the clip. */
static void vitals_end(vitals *v, double fps)
{
  static double t_s[VITALS_BEATS], work[2 * VITALS_BEATS];
  static float quality[VITALS_BEATS];
  static uint8_t mark[VITALS_BEATS];
  v->beats = rppg_beat_log_read(&v->log, t_s, quality, VITALS_BEATS);
  rppg_beat_marks(t_s, quality, v->beats, mark);
  rppg_hrv_measure(t_s, mark, v->beats, fps >= 1.0 ? fps : 30.0, &v->hrv, work);
}

/* Seconds of clean beats that a field of rppg_hrv wants. */
static double vitals_least(int field)
{
#define RPPG__X(name, index, text, seconds) if (field == index) return seconds;
  RPPG__HRV(RPPG__X)
#undef RPPG__X
  return 0.0;
}

/* Members of the summary's JSON line: null where something could not be measured, and why. */
static const char *vitals_members(const vitals *v)
{
  static char text[1600];
  const char *comma = "";
  size_t n;
  int i;
#define ADD(...) n += (size_t)snprintf(text + n, sizeof text - n, __VA_ARGS__)
  n = 0;
  if (v->breaths.count) {
    const rppg_result r = history_summary(&v->breaths);
    ADD(",\"breath_rate\":%.2f,\"breath_confidence\":%.3f", r.hr_bpm, r.confidence);
  } else ADD(",\"breath_rate\":null,\"breath_confidence\":0");
  ADD(",\"beats\":%lu,\"clean_s\":%.1f", (unsigned long)v->beats, v->hrv.clean_s);
  for (i = 0; i < RPPG_HRV_FIELDS; i++) {
    const char *name = i == RPPG_HRV_HR ? "beat_rate" : rppg_hrv_text(i);
    if (v->hrv.valid & 1u << i) ADD(",\"%s\":%.2f,\"%s_confidence\":%.3f", name, v->hrv.value[i], name, v->hrv.confidence[i]);
    else ADD(",\"%s\":null,\"%s_confidence\":0", name, name);
  }
  ADD(",\"refused\":[");
  if (!v->breaths.count) {
    ADD("\"breath_rate: needs %.0f s without a gap\"", RPPG_RESP_MIN_S);
    comma = ",";
  }
  for (i = 0; i < RPPG_HRV_FIELDS; i++) {
    if (v->hrv.valid & 1u << i) continue;
    ADD("%s\"%s: needs %.0f s of clean beats\"", comma, i == RPPG_HRV_HR ? "beat_rate" : rppg_hrv_text(i), vitals_least(i));
    comma = ",";
  }
  ADD("]");
#undef ADD
  return text;
}

/* The same for people. */
static void vitals_print(const vitals *v)
{
  static const char *const names[] = { "rate", "SDNN", "RMSSD", "pNN50", "LF", "HF", "LF/HF" };
  static const char *const units[] = { "bpm", "ms", "ms", "%", "ms2", "ms2", "" };
  int i;
  if (v->breaths.count) {
    const rppg_result r = history_summary(&v->breaths);
    printf("breath   %6.1f a minute   confidence %.2f%s\n", r.hr_bpm, r.confidence,
           r.confidence < 0.5 ? "   too unsure to be believed" : "");
  } else printf("breath   refused: needs %.0f s without a gap\n", RPPG_RESP_MIN_S);
  printf("beats    %6lu, %.0f s of them clean\n", (unsigned long)v->beats, v->hrv.clean_s);
  for (i = 0; i < RPPG_HRV_FIELDS; i++)
    if (v->hrv.valid & 1u << i)
      printf("  %-6s %6.1f %-4s       confidence %.2f\n", names[i], v->hrv.value[i], units[i], v->hrv.confidence[i]);
    else printf("  %-6s refused: needs %.0f s of clean beats\n", names[i], vitals_least(i));
}

#endif
