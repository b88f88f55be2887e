// The encoders: libpng and libjpeg over one row at a time, into memory.

#include "Picture.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

typedef struct { uint8_t *bytes; size_t count, room; } growing;

static void png_append(png_structp png, png_bytep data, size_t length) {
    growing *out = png_get_io_ptr(png);
    if (out->room - out->count < length) {
        size_t room = (out->room + length) * 2;
        uint8_t *grown = realloc(out->bytes, room);
        if (!grown) png_error(png, "out of memory");
        out->bytes = grown;
        out->room = room;
    }
    memcpy(out->bytes + out->count, data, length);
    out->count += length;
}

static void png_no_flush(png_structp png) { (void)png; }

static int encode_png(const ci_picture *p, canvas *canvas, const char *comment, growing *out) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    if (!png) return 0;
    png_infop info = png_create_info_struct(png);
    if (!info || setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return 0;
    }
    png_set_write_fn(png, out, png_append, png_no_flush);
    png_set_IHDR(png, info, (png_uint_32)p->width, (png_uint_32)p->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    // Grain has no repetition to find: entropy coding alone is as small and many times as fast.
    png_set_compression_strategy(png, 2 /* Z_HUFFMAN_ONLY */);
    png_set_filter(png, 0, PNG_FILTER_SUB);
    png_text text = {.compression = PNG_TEXT_COMPRESSION_NONE, .key = (char *)"Comment", .text = (char *)comment};
    png_set_text(png, info, &text, 1);
    png_write_info(png, info);
    for (int y = 0; y < p->height; y++) {
        canvas_paint(canvas, p, y);
        png_write_row(png, canvas->row);
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return 1;
}

typedef struct { struct jpeg_error_mgr base; jmp_buf back; } jpeg_errors;

static void jpeg_fail(j_common_ptr jpeg) { longjmp(((jpeg_errors *)jpeg->err)->back, 1); }

static int encode_jpeg(const ci_picture *p, canvas *canvas, const char *comment, growing *out) {
    struct jpeg_compress_struct jpeg;
    jpeg_errors errors;
    unsigned long count = 0;
    jpeg.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = jpeg_fail;
    if (setjmp(errors.back)) {
        jpeg_destroy_compress(&jpeg);
        return 0;
    }
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out->bytes, &count);
    jpeg.image_width = (JDIMENSION)p->width;
    jpeg.image_height = (JDIMENSION)p->height;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    // Full quality without chroma subsampling: with the grain about 1.3 bytes a pixel, as the real answers have.
    jpeg_set_quality(&jpeg, 100, TRUE);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&jpeg, TRUE);
    jpeg_write_marker(&jpeg, JPEG_COM, (const JOCTET *)comment, (unsigned int)strlen(comment));
    for (int y = 0; y < p->height; y++) {
        canvas_paint(canvas, p, y);
        JSAMPROW row = canvas->row;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    out->count = count;
    return 1;
}

size_t ci_picture_encode(const ci_picture *picture, ci_format format, const char *comment, uint8_t **bytes) {
    canvas canvas;
    growing out = {0};
    int good = canvas_open(&canvas, picture)
        && (format == CI_PNG ? encode_png(picture, &canvas, comment, &out)
                             : encode_jpeg(picture, &canvas, comment, &out));
    canvas_close(&canvas);
    if (!good) {
        free(out.bytes);
        return 0;
    }
    *bytes = out.bytes;
    return out.count;
}
