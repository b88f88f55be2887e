// Scalar base64 with the state carried between pieces, and the AVX2 loops for the middle of a long piece.
// The vector algorithms are those of Mula and Lemire, "Faster Base64 Encoding and Decoding using AVX2 Instructions",
// ACM Transactions on the Web 12(3), 2018, https://arxiv.org/abs/1704.00605.

#include "CBase64.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAS_AVX2 1
#endif

static const char letters[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define XX 0xFF
static const uint8_t values[256] = {
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, 62, XX, XX, XX, 63, 52, 53, 54, 55, 56, 57, 58, 59,
    60, 61, XX, XX, XX, XX, XX, XX, XX, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18,
    19, 20, 21, 22, 23, 24, 25, XX, XX, XX, XX, XX, XX, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
    XX, XX, XX, XX,
};

// Decodes whole groups of four good bytes while the output has room; returns the number of groups.
static size_t decode_groups_scalar(const uint8_t *input, size_t length, uint8_t *output, size_t capacity) {
    size_t groups = length / 4 < capacity / 3 ? length / 4 : capacity / 3;
    for (size_t i = 0; i < groups; i++) {
        const uint8_t a = values[input[4 * i]], b = values[input[4 * i + 1]];
        const uint8_t c = values[input[4 * i + 2]], d = values[input[4 * i + 3]];
        if ((a | b | c | d) & 0x80) return i;
        output[3 * i] = (uint8_t)(a << 2 | b >> 4);
        output[3 * i + 1] = (uint8_t)(b << 4 | c >> 2);
        output[3 * i + 2] = (uint8_t)(c << 6 | d);
    }
    return groups;
}

static void encode_groups_scalar(const uint8_t *input, size_t groups, uint8_t *output) {
    for (size_t i = 0; i < groups; i++) {
        const uint8_t a = input[3 * i], b = input[3 * i + 1], c = input[3 * i + 2];
        output[4 * i] = (uint8_t)letters[a >> 2];
        output[4 * i + 1] = (uint8_t)letters[(a & 0x03) << 4 | b >> 4];
        output[4 * i + 2] = (uint8_t)letters[(b & 0x0F) << 2 | c >> 6];
        output[4 * i + 3] = (uint8_t)letters[c & 0x3F];
    }
}

#ifdef HAS_AVX2
// 32 letters become 24 bytes a turn, of which 32 are stored: the last turns are the scalar loop's.
__attribute__((target("avx2"))) static size_t decode_groups_avx2(
    const uint8_t *input, size_t length, uint8_t *output, size_t capacity) {
    const __m256i low_classes = _mm256_setr_epi8(
        0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A, 0x15, 0x11,
        0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A);
    const __m256i high_classes = _mm256_setr_epi8(
        0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10,
        0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
    const __m256i offsets = _mm256_setr_epi8(
        0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0,
        0, 0);
    const __m256i slash = _mm256_set1_epi8('/');
    const __m256i gather = _mm256_setr_epi8(
        2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1, 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1,
        -1);
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, -1, -1);
    size_t groups = 0;
    while (length - 4 * groups >= 32 && capacity - 3 * groups >= 32) {
        __m256i text = _mm256_loadu_si256((const __m256i *)(input + 4 * groups));
        const __m256i high = _mm256_and_si256(_mm256_srli_epi32(text, 4), slash);
        const __m256i low = _mm256_and_si256(text, slash);
        const __m256i low_class = _mm256_shuffle_epi8(low_classes, low);
        const __m256i high_class = _mm256_shuffle_epi8(high_classes, high);
        if (!_mm256_testz_si256(low_class, high_class)) break;
        const __m256i is_slash = _mm256_cmpeq_epi8(text, slash);
        text = _mm256_add_epi8(text, _mm256_shuffle_epi8(offsets, _mm256_add_epi8(is_slash, high)));
        text = _mm256_maddubs_epi16(text, _mm256_set1_epi32(0x01400140));
        text = _mm256_madd_epi16(text, _mm256_set1_epi32(0x00011000));
        text = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(text, gather), lanes);
        _mm256_storeu_si256((__m256i *)(output + 3 * groups), text);
        groups += 8;
    }
    return groups;
}

// 24 bytes become 32 letters a turn, of which 28 are read: the last turns are the scalar loop's.
__attribute__((target("avx2"))) static size_t encode_groups_avx2(
    const uint8_t *input, size_t groups, uint8_t *output) {
    const __m256i spread = _mm256_setr_epi8(
        1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10, 1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    const __m256i offsets = _mm256_setr_epi8(
        65, 71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 0, 0, 65, 71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4,
        -19, -16, 0, 0);
    size_t done = 0;
    while (3 * (groups - done) >= 28) {
        const __m128i first = _mm_loadu_si128((const __m128i *)(input + 3 * done));
        const __m128i second = _mm_loadu_si128((const __m128i *)(input + 3 * done + 12));
        __m256i bytes = _mm256_set_m128i(second, first);
        bytes = _mm256_shuffle_epi8(bytes, spread);
        const __m256i ac = _mm256_mulhi_epu16(
            _mm256_and_si256(bytes, _mm256_set1_epi32(0x0FC0FC00)), _mm256_set1_epi32(0x04000040));
        const __m256i bd = _mm256_mullo_epi16(
            _mm256_and_si256(bytes, _mm256_set1_epi32(0x003F03F0)), _mm256_set1_epi32(0x01000010));
        const __m256i sextets = _mm256_or_si256(ac, bd);
        const __m256i above = _mm256_cmpgt_epi8(sextets, _mm256_set1_epi8(25));
        const __m256i row = _mm256_sub_epi8(_mm256_subs_epu8(sextets, _mm256_set1_epi8(51)), above);
        _mm256_storeu_si256(
            (__m256i *)(output + 4 * done), _mm256_add_epi8(sextets, _mm256_shuffle_epi8(offsets, row)));
        done += 8;
    }
    return done;
}
#endif

int cb64_is_available(cb64_implementation implementation) {
#ifdef HAS_AVX2
    if (implementation == CB64_AVX2) return __builtin_cpu_supports("avx2") != 0;
#endif
    return implementation == CB64_BEST || implementation == CB64_SCALAR;
}

static int wants_avx2(cb64_implementation implementation) {
    return implementation != CB64_SCALAR && cb64_is_available(CB64_AVX2);
}

// One byte, for the edges of a piece. Returns 0 when it cannot stand here.
static int decode_byte(cb64_decoder *decoder, uint8_t byte, uint8_t *output, size_t *produced) {
    if (byte == '=') {
        if (decoder->sextets < 2 || decoder->sextets + decoder->padding >= 4) return 0;
        decoder->padding++;
        return 1;
    }
    const uint8_t value = values[byte];
    if (value == XX || decoder->padding > 0) return 0;
    decoder->bits = decoder->bits << 6 | value;
    if (++decoder->sextets == 4) {
        output[*produced] = (uint8_t)(decoder->bits >> 16);
        output[*produced + 1] = (uint8_t)(decoder->bits >> 8);
        output[*produced + 2] = (uint8_t)decoder->bits;
        *produced += 3;
        decoder->bits = 0;
        decoder->sextets = 0;
    }
    return 1;
}

cb64_progress cb64_decode_with(
    cb64_implementation implementation, cb64_decoder *decoder, const uint8_t *input, size_t length, uint8_t *output,
    size_t capacity) {
    cb64_progress done = {0, 0};
    while (done.consumed < length && capacity - done.produced >= 3) {
        if (decoder->sextets == 0 && decoder->padding == 0) {
            size_t groups = 0;
#ifdef HAS_AVX2
            if (wants_avx2(implementation))
                groups = decode_groups_avx2(
                    input + done.consumed, length - done.consumed, output + done.produced, capacity - done.produced);
#endif
            groups += decode_groups_scalar(
                input + done.consumed + 4 * groups, length - done.consumed - 4 * groups,
                output + done.produced + 3 * groups, capacity - done.produced - 3 * groups);
            done.consumed += 4 * groups;
            done.produced += 3 * groups;
            if (done.consumed == length || capacity - done.produced < 3) break;
        }
        if (!decode_byte(decoder, input[done.consumed], output, &done.produced)) break;
        done.consumed++;
    }
    return done;
}

cb64_progress cb64_decode(
    cb64_decoder *decoder, const uint8_t *input, size_t length, uint8_t *output, size_t capacity) {
    return cb64_decode_with(CB64_BEST, decoder, input, length, output, capacity);
}

int cb64_decode_finish(cb64_decoder *decoder, uint8_t output[2]) {
    const cb64_decoder last = *decoder;
    *decoder = (cb64_decoder){0, 0, 0};
    if (last.sextets == 0) return 0;
    if (last.sextets == 1 || (last.padding > 0 && last.sextets + last.padding != 4)) return -1;
    if (last.sextets == 2) {
        output[0] = (uint8_t)(last.bits >> 4);
        return 1;
    }
    output[0] = (uint8_t)(last.bits >> 10);
    output[1] = (uint8_t)(last.bits >> 2);
    return 2;
}

size_t cb64_encode_with(
    cb64_implementation implementation, cb64_encoder *encoder, const uint8_t *input, size_t length, uint8_t *output) {
    size_t consumed = 0, produced = 0;
    while (encoder->count > 0 && consumed < length) {
        if (encoder->count < 2) {
            encoder->held[encoder->count++] = input[consumed++];
        } else {
            const uint8_t group[3] = {encoder->held[0], encoder->held[1], input[consumed++]};
            encode_groups_scalar(group, 1, output);
            produced = 4;
            encoder->count = 0;
        }
    }
    size_t groups = (length - consumed) / 3;
    size_t done = 0;
#ifdef HAS_AVX2
    if (wants_avx2(implementation)) done = encode_groups_avx2(input + consumed, groups, output + produced);
#endif
    encode_groups_scalar(input + consumed + 3 * done, groups - done, output + produced + 4 * done);
    consumed += 3 * groups;
    produced += 4 * groups;
    while (consumed < length) encoder->held[encoder->count++] = input[consumed++];
    return produced;
}

size_t cb64_encode(cb64_encoder *encoder, const uint8_t *input, size_t length, uint8_t *output) {
    return cb64_encode_with(CB64_BEST, encoder, input, length, output);
}

size_t cb64_encode_finish(cb64_encoder *encoder, uint8_t output[4]) {
    const cb64_encoder last = *encoder;
    *encoder = (cb64_encoder){{0, 0}, 0};
    if (last.count == 0) return 0;
    const uint8_t b = last.count == 2 ? last.held[1] : 0;
    output[0] = (uint8_t)letters[last.held[0] >> 2];
    output[1] = (uint8_t)letters[(last.held[0] & 0x03) << 4 | b >> 4];
    output[2] = last.count == 2 ? (uint8_t)letters[(b & 0x0F) << 2] : '=';
    output[3] = '=';
    return 4;
}
