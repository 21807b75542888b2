package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"yodel/peer"
)

// startTestEcho is an echo whose output is complete as soon as it is stopped.
func startTestEcho(ctx context.Context) *echo {
	return startEcho(ctx, func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	})
}

func TestEchoEndsWithTheExpectedTalk(t *testing.T) {
	tests := []struct {
		name  string
		heard []peer.Talking // after the talk has ended here
		want  error
	}{
		{"its end", []peer.Talking{{SSRC: 7, Self: true}}, nil},
		{"its end, twice", []peer.Talking{{SSRC: 7, Self: true}, {SSRC: 7, Self: true}}, nil},
		{"nothing", nil, errNoEcho},
		{"its start", []peer.Talking{{SSRC: 7, Self: true, Start: true}}, errNoEcho},
		{"another talk's end", []peer.Talking{{SSRC: 8, Self: true}}, errNoEcho},
		{"another's end", []peer.Talking{{SSRC: 7}}, errNoEcho},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := startTestEcho(t.Context())
				e.note(&peer.Talking{SSRC: 7, Self: true}) // of a talk before
				e.expect(7)
				for _, ev := range tt.heard {
					e.note(&ev)
				}
				began := time.Now()
				if err := e.wait(t.Context(), time.Second); !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if waited := time.Since(began); tt.want != nil && waited != waitFor(time.Second) {
					t.Errorf("waited %v", waited)
				}
			})
		})
	}
}
