// Pictures that are drawn and encoded row by row, so that one of 150 million samples costs a row of memory.
// The encoders report errors by longjmp, which must not cross Swift frames: that is why this is C.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct ci_picture ci_picture;

typedef enum { CI_PNG = 0, CI_JPEG = 1 } ci_format;

/// A picture of this many pixels, black; NULL when a side is not in 1...65000 or memory is out. Colours are 0xRRGGBB.
ci_picture *ci_picture_make(int width, int height, uint32_t grain_seed);
void ci_picture_free(ci_picture *picture);

/// The colours of the sky at the top, in the middle and at the bottom.
void ci_picture_sky(ci_picture *picture, uint32_t top, uint32_t middle, uint32_t bottom);

/// A disc with two rings of light around it; pixels.
void ci_picture_sun(ci_picture *picture, int x, int y, int radius, uint32_t colour);

/// A ridge across the picture, the later in front of the earlier; at most 8. Heights are parts of the picture's height.
void ci_picture_add_ridge(ci_picture *picture, double base, double amplitude, double frequency, double phase,
                          uint32_t colour);

/// A rectangle darkened to `keep` / 256 of what was there; at most 4.
void ci_picture_add_panel(ci_picture *picture, int x, int y, int width, int height, int keep);

/// A glyph of 5 by 7 cells of `scale` pixels; bit `column * 7 + row` is a cell. Returns 0 when memory is out.
int ci_picture_add_glyph(ci_picture *picture, int x, int y, int scale, uint64_t cells, uint32_t colour);

/// Draws and encodes. Returns the size in bytes, with malloc'ed bytes in `*bytes`, or 0 when the encoder failed.
size_t ci_picture_encode(const ci_picture *picture, ci_format format, const char *comment, uint8_t **bytes);
