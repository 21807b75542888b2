package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"yodel/peer"
	"yodel/peer/audio"
	"yodel/wire"
	"yodel/wire/secure"
)

func TestExplain(t *testing.T) {
	refused := func(code wire.Code) error {
		return fmt.Errorf("join: %w", &peer.RefusedError{Code: code, Reason: "no"})
	}
	tests := []struct {
		err  error
		exit int
		code string
	}{
		{errors.New("disk on fire"), 1, "failed"},
		{os.ErrNotExist, 1, "failed"},
		{fmt.Errorf("line 3: %w", errLineTooLong), 1, "too_long"},
		{fmt.Errorf("line 3: %w", peer.ErrTooLong), 1, "too_long"},
		{fmt.Errorf("x: %w", audio.ErrTruncated), 1, "truncated"},
		{audio.ErrNoSpeaker, 1, "no_speaker"},
		{audio.ErrNoOpus, 1, "no_opus"},
		{usagef("bad"), 2, "usage"},
		{withHint(usagef("bad"), "do better"), 2, "usage"},
		{audio.ErrNotAudio, 2, "not_audio"},
		{audio.ErrUnknownCodec, 2, "usage"},
		{audio.ErrFormat, 2, "usage"},
		{peer.ErrServer, 2, "usage"},
		{fmt.Errorf("dial: %w", peer.ErrUnreachable), 3, "unreachable"},
		{peer.ErrLost, 3, "lost"},
		{errNoAnswer, 3, "timeout"},
		{context.DeadlineExceeded, 3, "timeout"},
		{refused(wire.Code_CODE_STOPPING), 3, "stopping"},
		{refused(wire.Code_CODE_NICK_TAKEN), 4, "nick_taken"},
		{refused(wire.Code_CODE_NICK_ILLEGAL), 4, "nick_illegal"},
		{refused(wire.Code_CODE_ROOM_ILLEGAL), 4, "room_illegal"},
		{refused(wire.Code_CODE_ACCESS), 4, "access"},
		{refused(wire.Code_CODE_VERSION), 4, "version"},
		{refused(wire.Code_CODE_TOO_LONG), 1, "too_long"},
		{refused(wire.Code_CODE_CODEC), 1, "codec"},
		{fmt.Errorf("dial: %w", secure.ErrHostKeyChanged), 4, "host_key_changed"},
		{wire.CheckRoom("a b"), 4, "room_illegal"},
	}
	for _, tt := range tests {
		f := explain(tt.err)
		if f.exit != tt.exit || f.code != tt.code {
			t.Errorf("%v: got exit %d %q, want %d %q", tt.err, f.exit, f.code, tt.exit, tt.code)
		}
	}
}

func TestExplainIsPrintable(t *testing.T) {
	f := explain(errors.New("bad \x1b[31m name"))
	if want := `bad \x1b[31m name`; f.message != want {
		t.Errorf("got %q, want %q", f.message, want)
	}
}
