/* SPDX-License-Identifier: ISC */
/* BlurHash. */

#include "upload/blurhash.h"

#include <math.h>
#include <string.h>

enum {
	WAVES_MAX = 4,
	BASE = 83,
	SCALE_STEPS = 83, /* of the greatest wave */
	WAVE_STEPS = 19	  /* of a colour of a wave */
};

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

static double
to_linear(unsigned char value)
{
	double v = value / 255.0;

	return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static int
to_srgb(double value)
{
	double v = fmin(fmax(value, 0), 1);

	v = v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
	return (int)(v * 255 + 0.5);
}

static char *
put(char *out, int value, int length)
{
	for (int i = length - 1; i >= 0; i--, value /= BASE)
		out[i] = digits[value % BASE];
	return out + length;
}

/* How much of the wave `x`, `y` is in the picture, for each colour. */
static void
wave_measure(const unsigned char *rgb, int width, int height, int x, int y,
    double colour[3])
{
	double weight = (x == 0 && y == 0 ? 1.0 : 2.0) / (width * height);
	double basis;

	memset(colour, 0, 3 * sizeof(*colour));
	for (int j = 0; j < height; j++)
		for (int i = 0; i < width; i++, rgb += 3) {
			basis = weight * cos(M_PI * x * i / width) *
			    cos(M_PI * y * j / height);
			for (int c = 0; c < 3; c++)
				colour[c] += basis * to_linear(rgb[c]);
		}
}

/* In steps that are finer near zero. */
static int
wave_step(double value, double most)
{
	double v = value / most, root = sqrt(fabs(v));
	int step = (int)floor((v < 0 ? -root : root) * 9 + 9.5);

	return step < 0 ? 0 : step >= WAVE_STEPS ? WAVE_STEPS - 1 : step;
}

void
upload_blurhash_make(const unsigned char *rgb, int width, int height,
    char out[UPLOAD_BLURHASH_MAX + 1])
{
	int nx = width >= height ? WAVES_MAX : WAVES_MAX - 1;
	int ny = width >= height ? WAVES_MAX - 1 : WAVES_MAX, n = nx * ny;
	double waves[WAVES_MAX * WAVES_MAX][3], most = 0;
	int scale;

	for (int i = 0; i < n; i++) {
		wave_measure(rgb, width, height, i % nx, i / nx, waves[i]);
		for (int c = 0; i > 0 && c < 3; c++)
			most = fmax(most, fabs(waves[i][c]));
	}
	scale = (int)floor(most * 166 - 0.5);
	scale = scale < 0 ? 0 : scale >= SCALE_STEPS ? SCALE_STEPS - 1 : scale;
	most = (scale + 1) / 166.0;

	out = put(out, nx - 1 + (ny - 1) * 9, 1);
	out = put(out, scale, 1);
	out = put(out,
	    to_srgb(waves[0][0]) << 16 | to_srgb(waves[0][1]) << 8 |
		to_srgb(waves[0][2]),
	    4);
	for (int i = 1; i < n; i++)
		out = put(out,
		    (wave_step(waves[i][0], most) * WAVE_STEPS +
			wave_step(waves[i][1], most)) *
			    WAVE_STEPS +
			wave_step(waves[i][2], most),
		    2);
	*out = '\0';
}

bool
upload_blurhash_valid(const char *hash)
{
	return strspn(hash, digits) == strlen(hash);
}
