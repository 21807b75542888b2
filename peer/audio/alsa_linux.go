//go:build cgo && linux

package audio

/*
#cgo pkg-config: alsa
#include <alsa/asoundlib.h>

static void yodel_quiet(const char *file, int line, const char *function, int err, const char *fmt, ...) {}

static void yodel_quiet_alsa(void) { snd_lib_error_set_handler(yodel_quiet); }
*/
import "C"

// quietALSA stops libasound from writing to standard error by itself: its errors come back as values.
func quietALSA() { C.yodel_quiet_alsa() }
