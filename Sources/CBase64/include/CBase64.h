// Base64 (RFC 4648 section 4) in pieces, for bodies that are never held whole.
//
// Both directions carry their state in a small struct of the caller's, so a text may be cut anywhere. The alphabet is
// the standard one, `+` and `/`, strictly: no whitespace, no URL-safe letters. Padding is optional when decoding and
// always written when encoding. Nothing here allocates, and no function keeps a pointer.
//
// The fastest implementation that this processor has is chosen at run time; the `_with` variants name one, for tests
// and benchmarks. An AVX-512 VBMI variant is left out on purpose: no machine was at hand that could verify it.
#ifndef CBASE64_H
#define CBASE64_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cb64_implementation {
    CB64_BEST = 0,
    CB64_SCALAR = 1,
    CB64_AVX2 = 2,
} cb64_implementation;

/// 1 when this processor can run that implementation, else 0.
int cb64_is_available(cb64_implementation implementation);

/// What a call did: bytes taken from the input, bytes put into the output.
typedef struct cb64_progress {
    size_t consumed;
    size_t produced;
} cb64_progress;

/// A decoder between two pieces; all zero is a fresh one.
typedef struct cb64_decoder {
    uint32_t bits;   // the sextets that do not make a whole group of four yet, lowest bits last
    uint8_t sextets; // how many: 0...3
    uint8_t padding; // how many `=` were seen: 0...2
} cb64_decoder;

/// Decodes as much of `input` as is base64 and fits.
///
/// Stops at the end of the input, before a group that would not fit into the output (which must have room for at
/// least 3 bytes, else nothing happens), or before the first byte that cannot stand there. So when `consumed <
/// length` and `produced + 3 <= capacity`, `input[consumed]` is the offending byte: the quote that ends a JSON
/// string, its backslash, or an error. Bits of the last group that no byte needs are not looked at.
/// The output may be overwritten beyond `produced`, never beyond `capacity`.
cb64_progress cb64_decode(
    cb64_decoder *decoder, const uint8_t *input, size_t length, uint8_t *output, size_t capacity);
cb64_progress cb64_decode_with(
    cb64_implementation implementation, cb64_decoder *decoder, const uint8_t *input, size_t length, uint8_t *output,
    size_t capacity);

/// Ends the text: writes the 0, 1 or 2 bytes still held to `output`, and makes the decoder a fresh one.
/// Returns their number, or -1 when the text ends in the middle of a byte or of its padding.
int cb64_decode_finish(cb64_decoder *decoder, uint8_t output[2]);

/// An encoder between two pieces; all zero is a fresh one.
typedef struct cb64_encoder {
    uint8_t held[2]; // the bytes that do not make a whole group of three yet
    uint8_t count;   // how many: 0...2
} cb64_encoder;

/// Bytes that `cb64_encode` may produce for `length` bytes, whatever the encoder holds.
static inline size_t cb64_encoded_bound(size_t length) { return (length + 2) / 3 * 4; }

/// Encodes all of `input`; `output` has room for `cb64_encoded_bound(length)` bytes. Returns how many were written.
size_t cb64_encode(cb64_encoder *encoder, const uint8_t *input, size_t length, uint8_t *output);
size_t cb64_encode_with(
    cb64_implementation implementation, cb64_encoder *encoder, const uint8_t *input, size_t length, uint8_t *output);

/// Ends the text: writes the last group with its padding, 0 or 4 bytes, and makes the encoder a fresh one.
size_t cb64_encode_finish(cb64_encoder *encoder, uint8_t output[4]);

#ifdef __cplusplus
}
#endif

#endif
