package impair

import (
	"errors"
	"testing"

	"yodel/cmd/internal/fates"
)

func TestBadConfig(t *testing.T) {
	const target = "127.0.0.1:1"
	tests := []struct {
		name string
		cfg  Config
	}{
		{"no target", Config{}},
		{"loss over one", Config{Target: target, Profile: fates.Profile{Loss: 1.1}}},
		{"reorder without delay", Config{Target: target, Profile: fates.Profile{Reorder: 0.1}}},
		{"corruption", Config{Target: target, Profile: fates.Profile{Corrupt: 0.1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := New(tt.cfg)
			if !errors.Is(err, ErrConfig) {
				t.Errorf("New: %v, want ErrConfig", err)
			}
			if p != nil {
				t.Error("New returned a proxy beside its error")
			}
		})
	}
}
