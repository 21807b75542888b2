package main

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/rogpeppe/go-internal/testscript"

	"yodel/peer/audio/ogg"
)

// cmdCarries checks that the packets of sound of one Ogg file are in another, in order and as they are. A machine with much else to do loses a few.
func cmdCarries(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: carries FILE SENT")
	}
	all, sent := packetsOf(ts, args[0]), packetsOf(ts, args[1])
	found := 0
	for _, p := range sent {
		if i := slices.IndexFunc(all, func(b []byte) bool { return bytes.Equal(b, p) }); i >= 0 {
			all = all[i+1:]
			found++
		}
	}
	ts.Logf("%s: %d of %d packets as they were", args[0], found, len(sent))
	if found < len(sent)*9/10 || len(sent) == 0 {
		ts.Fatalf("%s has %d of %d packets of %s", args[0], found, len(sent), args[1])
	}
}

// packetsOf gives the packets of an Ogg Opus file behind its headers.
func packetsOf(ts *testscript.TestScript, file string) (all [][]byte) {
	r := ogg.NewReader(bytes.NewReader([]byte(ts.ReadFile(file))))
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all[1:]
		}
		ts.Check(err)
		if p.Begins {
			r.Follow(p)
			continue
		}
		all = append(all, slices.Clone(p.Data))
	}
}
