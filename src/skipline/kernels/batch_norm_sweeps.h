/* The four sweeps of batch_norm.c for one number format: two forward, two backward. NUMBER is the type of a number in
   memory, FORMAT(name) a function's name with the format behind it. */

#define WIDE FORMAT(widened)
#define NARROW FORMAT(narrowed)

/* Σ (x − shift) and Σ (x − shift)² for each channel of a chunk. */
static void FORMAT(moments)(const Cut *c, int chunk, const NUMBER *restrict x, const float *restrict shift,
                            double *sums) {
    float first[c->period], second[c->period];
    double *sum = sums + (int64_t)chunk * 2 * c->channels;
    memset(first, 0, sizeof first);
    memset(second, 0, sizeof second);
    int terms = 0;
    for (int64_t at = begin_of(c, chunk), end = begin_of(c, chunk + 1); at < end; at += c->period) {
        const int n = length_of(c, at);
        const NUMBER *restrict px = x + at;
        for (int i = 0; i < n; i++) {
            const float deviation = WIDE(px[i]) - shift[i];
            first[i] += deviation;
            second[i] += deviation * deviation;
        }
        if (++terms % TERMS_IN_FP32 == 0) into_fp64(c, first, second, sum);
    }
    into_fp64(c, first, second, sum);
}

static void FORMAT(write_outputs)(const Cut *c, int chunk, const NUMBER *restrict x, const NUMBER *restrict addend,
                                  NUMBER *restrict y, const float *restrict scale, const float *restrict offset,
                                  float slope) {
    for (int64_t at = begin_of(c, chunk), end = begin_of(c, chunk + 1); at < end; at += c->period) {
        const int n = length_of(c, at);
        const NUMBER *restrict px = x + at;
        NUMBER *restrict py = y + at;
        if (addend) {
            const NUMBER *restrict pa = addend + at;
            for (int i = 0; i < n; i++)
                py[i] = NARROW(rectified(WIDE(px[i]) * scale[i] + offset[i] + WIDE(pa[i]), slope));
        } else {
            for (int i = 0; i < n; i++) py[i] = NARROW(rectified(WIDE(px[i]) * scale[i] + offset[i], slope));
        }
    }
}

/* A value near the mean of channel `i`: that of a few rows. */
static float FORMAT(near_mean)(const Cut *c, const NUMBER *x, int i) {
    const int samples = c->rows < 16 ? (int)c->rows : 16;
    float sum = 0;
    for (int k = 0; k < samples; k++) sum += WIDE(x[c->rows * k / samples * c->channels + i]);
    return isfinite(sum) ? sum / samples : 0;
}

/* y = φ(γ (x − μ) / √(σ² + ε) + β + addend), φ(z) = max(z, slope · z); `addend` may be null. The running statistics
   move by `momentum`; μ and 1 / √(σ² + ε) are left in `mean` and `inverse_deviation`. 1 where memory ran out,
   else 0. */
int FORMAT(batch_norm_forward)(const NUMBER *x, const NUMBER *addend, NUMBER *y, int64_t rows, int channels,
                               const float *weight, const float *bias, float *running_mean, float *running_variance,
                               float momentum, float epsilon, float slope, float *mean, float *inverse_deviation,
                               int threads) {
    const Cut c = cut(rows, channels);
    float *tables;
    double *sums = scratch(&c, 3, &tables);
    if (!sums) return 1;
    float *shift = tables, *scale = tables + c.period, *offset = tables + 2 * c.period;
    for (int i = 0; i < c.period; i++) shift[i] = i < channels ? FORMAT(near_mean)(&c, x, i) : shift[i - channels];
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int share = 0; share < threads; share++)
        for (int chunk = share_of(&c, share + 1, threads); chunk-- > share_of(&c, share, threads);)
            FORMAT(moments)(&c, chunk, x, shift, sums);
    for (int i = 0; i < channels; i++) {
        double first, second;
        add_chunks(&c, sums, i, &first, &second);
        const double from_shift = first / rows, spread = second / rows - from_shift * from_shift;
        const double variance = spread < 0 ? 0 : spread, unbiased = variance * rows / (rows - 1);
        mean[i] = (float)(shift[i] + from_shift);
        inverse_deviation[i] = (float)(1 / sqrt(variance + epsilon));
        running_mean[i] += momentum * (mean[i] - running_mean[i]);
        running_variance[i] += momentum * ((float)unbiased - running_variance[i]);
        for (int at = i; at < c.period; at += channels) {
            scale[at] = weight[i] * inverse_deviation[i];
            offset[at] = bias[i] - mean[i] * scale[at];
        }
    }
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int share = 0; share < threads; share++)
        for (int chunk = share_of(&c, share, threads); chunk < share_of(&c, share + 1, threads); chunk++)
            FORMAT(write_outputs)(&c, chunk, x, addend, y, scale, offset, slope);
    free(sums);
    return 0;
}

/* What the backward sweeps know of each channel, over a period. Without an addend z = scale · x + offset went into the
   rectifier. The gradient of x is of_gradient · g + of_x · (x − mean) + constant. */
typedef struct {
    float *mean, *scale, *offset, *of_gradient, *of_x, *constant;
} FORMAT(Channels);

/* Σ g and Σ g (x − μ) for each channel of a chunk, g the gradient before the rectifier. With an addend, whose gradient
   is g too, y tells what the rectifier let through; without one z does, and y need not be read. */
static void FORMAT(gradient_sums)(const Cut *c, int chunk, const NUMBER *restrict gradient,
                                  const NUMBER *restrict second_gradient, const NUMBER *restrict x,
                                  const NUMBER *restrict y, NUMBER *restrict addend_gradient,
                                  const FORMAT(Channels) * channels, float slope, double *sums) {
    const float *restrict mean = channels->mean, *restrict scale = channels->scale, *restrict offset = channels->offset;
    float first[c->period], second[c->period];
    double *sum = sums + (int64_t)chunk * 2 * c->channels;
    memset(first, 0, sizeof first);
    memset(second, 0, sizeof second);
    int terms = 0;
    for (int64_t at = begin_of(c, chunk), end = begin_of(c, chunk + 1); at < end; at += c->period) {
        const int n = length_of(c, at);
        const NUMBER *restrict pg = gradient + at, *restrict px = x + at;
        if (addend_gradient) {
            const NUMBER *restrict ps = second_gradient ? second_gradient + at : NULL, *restrict py = y + at;
            NUMBER *restrict pa = addend_gradient + at;
            for (int i = 0; i < n; i++) {
                const float both = ps ? WIDE(pg[i]) + WIDE(ps[i]) : WIDE(pg[i]);
                const float g = let_through(both, WIDE(py[i]), slope);
                pa[i] = NARROW(g);
                first[i] += g;
                second[i] += g * (WIDE(px[i]) - mean[i]);
            }
        } else {
            for (int i = 0; i < n; i++) {
                const float wide = WIDE(px[i]), g = let_through(WIDE(pg[i]), wide * scale[i] + offset[i], slope);
                first[i] += g;
                second[i] += g * (wide - mean[i]);
            }
        }
        if (++terms % TERMS_IN_FP32 == 0) into_fp64(c, first, second, sum);
    }
    into_fp64(c, first, second, sum);
}

static void FORMAT(write_gradients)(const Cut *c, int chunk, const NUMBER *restrict gradient, const NUMBER *restrict x,
                                    const NUMBER *restrict addend_gradient, NUMBER *restrict x_gradient,
                                    const FORMAT(Channels) * channels, float slope) {
    const float *restrict mean = channels->mean, *restrict scale = channels->scale, *restrict offset = channels->offset;
    const float *restrict of_gradient = channels->of_gradient, *restrict of_x = channels->of_x;
    const float *restrict constant = channels->constant;
    for (int64_t at = begin_of(c, chunk), end = begin_of(c, chunk + 1); at < end; at += c->period) {
        const int n = length_of(c, at);
        const NUMBER *restrict px = x + at;
        NUMBER *restrict out = x_gradient + at;
        if (addend_gradient) { /* which is g already */
            const NUMBER *restrict pa = addend_gradient + at;
            for (int i = 0; i < n; i++)
                out[i] = NARROW(WIDE(pa[i]) * of_gradient[i] + (WIDE(px[i]) - mean[i]) * of_x[i] + constant[i]);
        } else {
            const NUMBER *restrict pg = gradient + at;
            for (int i = 0; i < n; i++) {
                const float wide = WIDE(px[i]), g = let_through(WIDE(pg[i]), wide * scale[i] + offset[i], slope);
                out[i] = NARROW(g * of_gradient[i] + (wide - mean[i]) * of_x[i] + constant[i]);
            }
        }
    }
}

/* The gradients of `batch_norm_forward` from that of its output y, with x̂ = (x − μ) / √(σ² + ε) and g the gradient
   before φ: of β Σ g, of γ Σ g x̂, of the addend g, of x γ / √(σ² + ε) (g − Σ g / rows − x̂ Σ g x̂ / rows) (Ioffe and
   Szegedy 2015, section 3). With an addend `second_gradient` is added to `gradient`, unless it is null. Without one it,
   `y` and `addend_gradient` are null. 1 where memory ran out, else 0. */
int FORMAT(batch_norm_backward)(const NUMBER *gradient, const NUMBER *second_gradient, const NUMBER *x,
                                const NUMBER *y, int64_t rows, int channels, const float *weight, const float *bias,
                                const float *mean, const float *inverse_deviation, float slope, NUMBER *x_gradient,
                                NUMBER *addend_gradient, float *weight_gradient, float *bias_gradient, int threads) {
    const Cut c = cut(rows, channels);
    float *tables;
    double *sums = scratch(&c, 6, &tables);
    if (!sums) return 1;
    const FORMAT(Channels) of = {tables,
                                 tables + c.period,
                                 tables + 2 * c.period,
                                 tables + 3 * c.period,
                                 tables + 4 * c.period,
                                 tables + 5 * c.period};
    for (int i = 0; i < c.period; i++) {
        const int channel = i % channels;
        of.mean[i] = mean[channel];
        of.scale[i] = weight[channel] * inverse_deviation[channel];
        of.offset[i] = bias[channel] - mean[channel] * of.scale[i];
    }
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int share = 0; share < threads; share++)
        for (int chunk = share_of(&c, share + 1, threads); chunk-- > share_of(&c, share, threads);)
            FORMAT(gradient_sums)(&c, chunk, gradient, second_gradient, x, y, addend_gradient, &of, slope, sums);
    for (int i = 0; i < channels; i++) {
        double first, second;
        add_chunks(&c, sums, i, &first, &second);
        const double inverse = inverse_deviation[i], scale = weight[i] * inverse;
        bias_gradient[i] = (float)first;
        weight_gradient[i] = (float)(second * inverse);
        for (int at = i; at < c.period; at += channels) {
            of.of_gradient[at] = (float)scale;
            of.of_x[at] = (float)(-scale * inverse * inverse * second / rows);
            of.constant[at] = (float)(-scale * first / rows);
        }
    }
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int share = 0; share < threads; share++)
        for (int chunk = share_of(&c, share, threads); chunk < share_of(&c, share + 1, threads); chunk++)
            FORMAT(write_gradients)(&c, chunk, gradient, x, addend_gradient, x_gradient, &of, slope);
    free(sums);
    return 0;
}

#undef WIDE
#undef NARROW
