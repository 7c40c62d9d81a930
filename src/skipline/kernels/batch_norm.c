/* Batch norm over images in channels-last order, with the addition and the rectifier behind it, in training.

   An image batch is `rows` = N·H·W rows of `channels` numbers, one row after the other. The sweeps go over it in
   periods, whole numbers of rows of some 256 numbers, so that a narrow network's few channels still fill the vector
   registers; what belongs to a channel is laid out once over a period.

   Sums run in fp32 over at most 64 terms, and from there on in fp64, over deviations from a value near the channel's
   mean: a mean far from 0 costs no digits. How the work is cut does not depend on the number of threads, so neither do
   the bits.

   Numbers are bfloat16 or float: batch_norm_sweeps.h, read once for each. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bfloat16.h"

enum {
    LEAST_PERIOD = 256, /* numbers; guessed: enough for whole vectors and to make a sweep's own cost small */
    LEAST_CHUNK = 128,  /* periods worth a chunk of their own; guessed */
    MOST_CHUNKS = 64,   /* enough for 64 threads; more only cost the sums of their sums */
    TERMS_IN_FP32 = 64  /* of a sum, before it goes into fp64: an error of 64 · 2⁻²⁴ at most */
};

/* How a batch is cut: into `num_chunks` chunks of whole periods; the last period may be short. */
typedef struct {
    int64_t rows, total, num_periods;
    int channels, period, num_chunks;
} Cut;

static Cut cut(int64_t rows, int channels) {
    Cut c = {.rows = rows, .channels = channels, .total = rows * channels};
    c.period = (LEAST_PERIOD + channels - 1) / channels * channels;
    c.num_periods = (c.total + c.period - 1) / c.period;
    const int64_t chunks = c.num_periods / LEAST_CHUNK;
    c.num_chunks = chunks < 1 ? 1 : chunks > MOST_CHUNKS ? MOST_CHUNKS : (int)chunks;
    return c;
}

/* The first number of a chunk; that of the chunk behind the last is the end. */
static int64_t begin_of(const Cut *c, int chunk) {
    const int64_t begin = c->num_periods * chunk / c->num_chunks * c->period;
    return begin < c->total ? begin : c->total;
}

/* The first chunk of a thread's share. Sums take a share from its end, where what the convolution wrote last is still
   in the cache; what is written from them goes from its beginning, where the sums ended. */
static int share_of(const Cut *c, int share, int threads) { return c->num_chunks * share / threads; }

static int length_of(const Cut *c, int64_t at) { return c->total - at < c->period ? (int)(c->total - at) : c->period; }

/* Two sums in fp64 for each channel and chunk, and behind them tables in fp32 over a period. Null: memory ran out. */
static double *scratch(const Cut *c, int num_tables, float **tables) {
    const size_t num_sums = (size_t)c->num_chunks * 2 * c->channels;
    double *sums = malloc(sizeof(double) * num_sums + sizeof(float) * num_tables * c->period);
    if (!sums) return NULL;
    memset(sums, 0, sizeof(double) * num_sums);
    *tables = (float *)(sums + num_sums);
    return sums;
}

static void into_fp64(const Cut *c, float *first, float *second, double *sum) {
    for (int i = 0; i < c->period;)
        for (int channel = 0; channel < c->channels; channel++, i++) {
            sum[channel] += first[i];
            sum[c->channels + channel] += second[i];
        }
    memset(first, 0, sizeof(float) * c->period);
    memset(second, 0, sizeof(float) * c->period);
}

/* Two sums for each channel from the chunks' own, in the chunks' order. */
static void add_chunks(const Cut *c, const double *sums, int channel, double *first, double *second) {
    *first = *second = 0;
    for (int chunk = 0; chunk < c->num_chunks; chunk++) {
        const double *sum = sums + (int64_t)chunk * 2 * c->channels;
        *first += sum[channel];
        *second += sum[c->channels + channel];
    }
}

/* max(z, slope z); NaN where z is NaN, 0 for −∞ with slope 0. */
static inline float rectified(float z, float slope) { return !(z <= 0) ? z : slope > 0 ? slope * z : 0; }

/* The gradient before the rectifier, from the one behind it and what came out of it. */
static inline float let_through(float gradient, float out, float slope) {
    return out > 0 ? gradient : slope > 0 ? slope * gradient : 0;
}

#define NUMBER uint16_t
#define FORMAT(name) name##_bf16
#include "batch_norm_sweeps.h"
#undef NUMBER
#undef FORMAT

#define NUMBER float
#define FORMAT(name) name##_fp32
#include "batch_norm_sweeps.h"
