// What the painter and the encoders share.
#pragma once

#include "CImageCodecs.h"

enum { MAX_RIDGES = 8, MAX_PANELS = 4, GRAIN_BYTES = 1 << 18 };

typedef struct { double base, amplitude, frequency, phase; uint32_t colour; } ridge;
typedef struct { int x, y, width, height, keep; } panel;
typedef struct { int x, y, scale; uint64_t cells; uint32_t colour; } glyph;

struct ci_picture {
    int width, height;
    uint32_t grain_seed, sky[3], sun_colour;
    int sun_x, sun_y, sun_radius;
    ridge ridges[MAX_RIDGES];
    int ridge_count;
    panel panels[MAX_PANELS];
    int panel_count;
    glyph *glyphs;
    int glyph_count, glyph_room;
};

/// What painting needs once for all rows.
typedef struct {
    int *heights[MAX_RIDGES];
    int lowest[MAX_RIDGES], highest[MAX_RIDGES];
    int8_t *grain;
    uint32_t random;
    uint8_t *row;
} canvas;

int canvas_open(canvas *canvas, const ci_picture *picture);
void canvas_close(canvas *canvas);
void canvas_paint(canvas *canvas, const ci_picture *picture, int y);
