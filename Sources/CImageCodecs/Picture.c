// The painter: a sky, a sun, ridges, darkened panels, letters and film grain, one row at a time.
// Samples stay within 16...239 before the grain of ±4 is added, so that adding needs no clamp.

#include "Picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DARKEST = 16, BRIGHTEST = 239 };

ci_picture *ci_picture_make(int width, int height, uint32_t grain_seed) {
    if (width < 1 || height < 1 || width > 65000 || height > 65000) return NULL;
    ci_picture *picture = calloc(1, sizeof *picture);
    if (!picture) return NULL;
    picture->width = width;
    picture->height = height;
    picture->grain_seed = grain_seed | 1;
    return picture;
}

void ci_picture_free(ci_picture *picture) {
    if (!picture) return;
    free(picture->glyphs);
    free(picture);
}

void ci_picture_sky(ci_picture *picture, uint32_t top, uint32_t middle, uint32_t bottom) {
    picture->sky[0] = top;
    picture->sky[1] = middle;
    picture->sky[2] = bottom;
}

void ci_picture_sun(ci_picture *picture, int x, int y, int radius, uint32_t colour) {
    picture->sun_x = x;
    picture->sun_y = y;
    picture->sun_radius = radius;
    picture->sun_colour = colour;
}

void ci_picture_add_ridge(ci_picture *picture, double base, double amplitude, double frequency, double phase,
                          uint32_t colour) {
    if (picture->ridge_count == MAX_RIDGES) return;
    picture->ridges[picture->ridge_count++] = (ridge){base, amplitude, frequency, phase, colour};
}

void ci_picture_add_panel(ci_picture *picture, int x, int y, int width, int height, int keep) {
    if (picture->panel_count == MAX_PANELS) return;
    picture->panels[picture->panel_count++] = (panel){x, y, width, height, keep};
}

int ci_picture_add_glyph(ci_picture *picture, int x, int y, int scale, uint64_t cells, uint32_t colour) {
    if (picture->glyph_count == picture->glyph_room) {
        int room = picture->glyph_room ? picture->glyph_room * 2 : 64;
        glyph *grown = realloc(picture->glyphs, (size_t)room * sizeof *grown);
        if (!grown) return 0;
        picture->glyphs = grown;
        picture->glyph_room = room;
    }
    picture->glyphs[picture->glyph_count++] = (glyph){x, y, scale, cells, colour};
    return 1;
}

static uint32_t next_random(uint32_t *state) {
    // xorshift32, Marsaglia 2003.
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static int clamped(int value, int low, int high) { return value < low ? low : value > high ? high : value; }

int canvas_open(canvas *canvas, const ci_picture *picture) {
    memset(canvas, 0, sizeof *canvas);
    int width = picture->width;
    size_t row_bytes = (size_t)width * 3;
    canvas->random = picture->grain_seed;
    canvas->row = malloc(row_bytes);
    canvas->grain = malloc(GRAIN_BYTES + row_bytes);
    if (!canvas->row || !canvas->grain) return 0;
    for (size_t i = 0; i < GRAIN_BYTES + row_bytes; i++) {
        canvas->grain[i] = (int8_t)((int)(next_random(&canvas->random) % 9) - 4);
    }
    for (int r = 0; r < picture->ridge_count; r++) {
        const ridge *ridge = &picture->ridges[r];
        int *heights = canvas->heights[r] = malloc((size_t)width * sizeof *heights);
        if (!heights) return 0;
        canvas->lowest[r] = 0;
        canvas->highest[r] = picture->height;
        for (int x = 0; x < width; x++) {
            double t = (double)x / width * ridge->frequency * 6.2831853 + ridge->phase;
            double wave = sin(t) * 0.6 + sin(t * 2.3 + 1.7) * 0.28 + sin(t * 5.1 + 0.4) * 0.12;
            heights[x] = (int)((ridge->base + wave * ridge->amplitude) * picture->height);
            if (heights[x] > canvas->lowest[r]) canvas->lowest[r] = heights[x];
            if (heights[x] < canvas->highest[r]) canvas->highest[r] = heights[x];
        }
    }
    return 1;
}

void canvas_close(canvas *canvas) {
    for (int r = 0; r < MAX_RIDGES; r++) free(canvas->heights[r]);
    free(canvas->grain);
    free(canvas->row);
}

static void set_pixel(uint8_t *row, int x, uint32_t colour) {
    uint8_t *pixel = row + (size_t)x * 3;
    pixel[0] = (uint8_t)clamped(colour >> 16 & 255, DARKEST, BRIGHTEST);
    pixel[1] = (uint8_t)clamped(colour >> 8 & 255, DARKEST, BRIGHTEST);
    pixel[2] = (uint8_t)clamped(colour & 255, DARKEST, BRIGHTEST);
}

static void fill(uint8_t *row, int width, int from, int to, uint32_t colour) {
    from = clamped(from, 0, width);
    to = clamped(to, 0, width);
    if (from >= to) return;
    set_pixel(row, from, colour);
    uint8_t *start = row + (size_t)from * 3;
    size_t total = (size_t)(to - from) * 3, done = 3;
    while (done < total) {
        size_t piece = done < total - done ? done : total - done;
        memcpy(start + done, start, piece);
        done += piece;
    }
}

static uint32_t mixed(uint32_t a, uint32_t b, int part, int whole) {
    uint32_t result = 0;
    for (int shift = 16; shift >= 0; shift -= 8) {
        int from = (int)(a >> shift & 255), to = (int)(b >> shift & 255);
        result |= (uint32_t)(from + (int)((int64_t)(to - from) * part / whole)) << shift;
    }
    return result;
}

static void paint_sky(uint8_t *row, const ci_picture *p, int y) {
    int half = p->height / 2 + 1;
    uint32_t colour = y < half ? mixed(p->sky[0], p->sky[1], y, half) : mixed(p->sky[1], p->sky[2], y - half, half);
    fill(row, p->width, 0, p->width, colour);
    for (int ring = 2; ring >= 0; ring--) {
        double radius = p->sun_radius * (1 + ring * 0.35), dy = y - p->sun_y;
        if (fabs(dy) >= radius) continue;
        int reach = (int)sqrt(radius * radius - dy * dy);
        uint32_t light = ring == 0 ? p->sun_colour : mixed(colour, p->sun_colour, 1, ring * 4);
        fill(row, p->width, p->sun_x - reach, p->sun_x + reach, light);
    }
}

static void paint_ridges(uint8_t *row, const canvas *canvas, const ci_picture *p, int y) {
    int first = 0;
    for (int r = 0; r < p->ridge_count; r++) {
        if (y >= canvas->lowest[r]) first = r;
    }
    for (int r = first; r < p->ridge_count; r++) {
        uint32_t colour = p->ridges[r].colour;
        if (y >= canvas->lowest[r]) {
            fill(row, p->width, 0, p->width, colour);
        } else if (y >= canvas->highest[r]) {
            const int *heights = canvas->heights[r];
            int x = 0;
            while (x < p->width) {
                while (x < p->width && heights[x] > y) x++;
                int from = x;
                while (x < p->width && heights[x] <= y) x++;
                fill(row, p->width, from, x, colour);
            }
        }
    }
}

static void paint_letters(uint8_t *row, const ci_picture *p, int y) {
    for (int i = 0; i < p->panel_count; i++) {
        const panel *panel = &p->panels[i];
        if (y < panel->y || y >= panel->y + panel->height) continue;
        int from = clamped(panel->x, 0, p->width), to = clamped(panel->x + panel->width, 0, p->width);
        for (int b = from * 3; b < to * 3; b++) row[b] = (uint8_t)(DARKEST + (row[b] - DARKEST) * panel->keep / 256);
    }
    for (int i = 0; i < p->glyph_count; i++) {
        const glyph *glyph = &p->glyphs[i];
        if (y < glyph->y || y >= glyph->y + 7 * glyph->scale) continue;
        int cell_row = (y - glyph->y) / glyph->scale;
        for (int column = 0; column < 5; column++) {
            if (!(glyph->cells >> (column * 7 + cell_row) & 1)) continue;
            int x = glyph->x + column * glyph->scale;
            fill(row, p->width, x, x + glyph->scale, glyph->colour);
        }
    }
}

void canvas_paint(canvas *canvas, const ci_picture *picture, int y) {
    uint8_t *row = canvas->row;
    paint_sky(row, picture, y);
    paint_ridges(row, canvas, picture, y);
    paint_letters(row, picture, y);
    const int8_t *grain = canvas->grain + next_random(&canvas->random) % GRAIN_BYTES;
    uint8_t *end = row + (size_t)picture->width * 3;
    while (row < end) {
        *row = (uint8_t)(*row + *grain++);
        row++;
    }
}
