package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"yodel/cmd/internal/impair"
)

func TestRunsUntilASignal(t *testing.T) {
	signals := make(chan os.Signal, 3)
	signals <- syscall.SIGUSR1
	signals <- syscall.SIGUSR2
	signals <- syscall.SIGTERM
	var stdout, stderr bytes.Buffer
	if code := run([]string{"-target", "127.0.0.1:1", "-loss", "0.1"}, signals, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	if !regexp.MustCompile(`^up 127\.0\.0\.1:[0-9]+\n$`).MatchString(stdout.String()) {
		t.Errorf("stdout %q", stdout.String())
	}
	var stats impair.Stats
	if err := json.Unmarshal(stderr.Bytes(), &stats); err != nil {
		t.Errorf("stderr %q is not the counts: %v", stderr.String(), err)
	}
}

func TestWrongUse(t *testing.T) {
	tests := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no target", nil, 2, "no target"},
		{"unknown flag", []string{"-lose", "1"}, 2, "not defined"},
		{"argument", []string{"-target", "127.0.0.1:1", "now"}, 2, `unexpected argument "now"`},
		{"bad share", []string{"-target", "127.0.0.1:1", "-loss", "2"}, 2, "from 0 to 1"},
		{"address not ours", []string{"-target", "127.0.0.1:1", "-listen", "192.0.2.1:9"}, 1, "listen"},
		{"help", []string{"-h"}, 0, "Usage"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			signals := make(chan os.Signal, 1)
			signals <- os.Interrupt
			var stdout, stderr bytes.Buffer
			if code := run(tt.args, signals, &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if !strings.Contains(stderr.String(), tt.says) {
				t.Errorf("stderr %q does not say %q", stderr.String(), tt.says)
			}
		})
	}
}
