package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArrange(t *testing.T) {
	tests := []struct{ in, want string }{
		{"who", "who --"},
		{"read -f", "read --follow=true --"},
		{"--json read -f", "read --json --follow --"},
		{"read --json -n 5 -f", "read --json --lines=5 --follow --"},
		{"read -fn5", "read --follow --lines=5 --"},
		{"read -fn 5", "read --follow --lines=5 --"},
		{"read -n=5", "read --lines=5 --"},
		{"read -qfr club", "read --quiet --follow --room=club --"},
		{"read -json", "read --json --"},
		{"-r a read -r b", "read --room=a --room=b --"},
		{"talk x.wav --codec l16 --json", "talk --codec=l16 --json -- x.wav"},
		{"talk - --format s16le", "talk --format=s16le -- -"},
		{"talk -- --odd-name.wav", "talk -- --odd-name.wav"},
		{"hear -o - --for 2s", "hear --output=- --for=2s --"},
		{"hear -o-", "hear --output=- --"},
		{"send hello world", "send -- hello world"},
		{"send -r club hello", "send --room=club -- hello"},
		{"send -- -r club", "send -- -r club"},
		{"send hello -- -r club", "send -- hello -r club"},
		{"send help", "send -- help"},
		{"send -", "send -- -"},
		{"-- send x", "send -- x"},
		{"help send", "send --help --"},
		{"send --help", "send --help --"},
		{"key rotate --help", "key --help --"},
		{"key -h rotate", "key --help --"},
		{"help", "--help"},
		{"--version", "--version"},
		{"--server= who", "who --server= --"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := arrange(testShell().app(), append([]string{"yodel"}, strings.Fields(tt.in)...))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Fields("yodel " + strings.ReplaceAll(tt.want, "=true", ""))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestArrangeRefuses(t *testing.T) {
	tests := []struct{ in, want, hint string }{
		{"send hello --json", "after the first word", "yodel send -- TEXT"},
		{"send hello -r club", "after the first word", "yodel send -- TEXT"},
		{"send hello -x", "after the first word", "yodel send -- TEXT"},
		{"send -x", "unknown flag -x", "yodel send --help"},
		{"sned x", `unknown command "sned"`, `"send"`},
		{"rea", `unknown command "rea"`, `"read"`},
		{"zzz", `unknown command "zzz"`, "yodel --help"},
		{"help zzz", `unknown command "zzz"`, "yodel --help"},
		{"--follow read", "unknown flag --follow", "yodel --help"},
		{"read --folow", "unknown flag --folow", "--follow"},
		{"read -fz", "unknown flag -fz", "yodel read --help"},
		{"read --since", "flag needs a value: --since", ""},
		{"read -fn", "flag needs a value: -n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			_, err := arrange(testShell().app(), append([]string{"yodel"}, strings.Fields(tt.in)...))
			f := explain(err)
			if f.exit != exitUsage || !strings.Contains(f.message, tt.want) || !strings.Contains(f.hint, tt.hint) {
				t.Errorf("got %+v, want exit 2, message with %q, hint with %q", f, tt.want, tt.hint)
			}
		})
	}
}

func TestArrangeWithoutCommand(t *testing.T) {
	for _, in := range []string{"yodel", "yodel --json", "yodel --"} {
		if _, err := arrange(testShell().app(), strings.Fields(in)); !errors.Is(err, errNoCommand) {
			t.Errorf("%q: got %v, want errNoCommand", in, err)
		}
	}
}

func TestNear(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"snd", "send", true},
		{"sendd", "send", true},
		{"sned", "send", true},
		{"sent", "send", true},
		{"se", "send", true},
		{"sending", "send", true},
		{"talk", "hear", false},
		{"", "send", false},
		{"s", "send", false},
		{"sxxd", "send", false},
		{"listen", "hear", false},
	}
	for _, tt := range tests {
		if got := near(tt.a, tt.b); got != tt.want {
			t.Errorf("near(%q, %q) = %v", tt.a, tt.b, got)
		}
	}
}

// testShell is a shell whose output goes nowhere.
func testShell() *shell {
	var b bytes.Buffer
	return &shell{stdin: strings.NewReader(""), out: newPrinter(&b, &b)}
}

func FuzzArrange(f *testing.F) {
	for _, seed := range []string{"send\x00-- \x00-x", "read\x00-fn5", "-q\x00hear\x00-o\x00-", "help\x00talk", "read\x00-é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, joined string) {
		args := strings.Split("yodel\x00"+joined, "\x00")
		got, err := arrange(testShell().app(), args)
		if err != nil {
			if !errors.Is(err, errUsage) && !errors.Is(err, errNoCommand) {
				t.Fatalf("%q: %v is no usage error", args, err)
			}
			return
		}
		again, err := arrange(testShell().app(), got)
		if err != nil {
			t.Fatalf("%q became %q, and that is refused: %v", args, got, err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("arranged twice it differs: %s", diff)
		}
	})
}
