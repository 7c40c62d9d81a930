/* Numbers in memory, bfloat16 or float, to and from float. */

#pragma once

#include <stdint.h>
#include <string.h>

static inline float widened_bf16(uint16_t number) {
    const uint32_t bits = (uint32_t)number << 16;
    float wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

/* To the nearest, ties to even, as PyTorch rounds. */
static inline uint16_t narrowed_bf16(float number) {
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return number != number ? 0x7fc0 : (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static inline float widened_fp32(float number) { return number; }
static inline float narrowed_fp32(float number) { return number; }
