package manual_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"yodel/cmd/internal/manual"
)

// page has what roff might take for its own: dots and apostrophes that begin a line, backslashes, dashes, and characters that are not ASCII.
func page() manual.Page {
	everywhere := &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "say nothing"}
	return manual.Page{
		App: &cli.App{
			Name: "bell", Usage: "ring - or not", Flags: []cli.Flag{everywhere, &cli.BoolFlag{Name: "secret", Hidden: true}},
			Description: "Rings.\n.SH is no macro here\n'nor is this\n\n  bell ring \\ 'twice'\n\nMore …",
			Commands: []*cli.Command{
				{
					Name: "ring", ArgsUsage: "[TOWER]", Usage: "ring a bell", Flags: []cli.Flag{
						everywhere, &cli.IntFlag{Name: "times", Value: 3, Usage: "how `OFTEN`", EnvVars: []string{"BELL_TIMES"}},
					},
				},
				{Name: "tower", Usage: "what towers have", Subcommands: []*cli.Command{{Name: "list", Usage: "list them ± all"}}},
				{Name: "ghost", Usage: "hidden", Hidden: true},
			},
		},
		Section: 8, Synopsis: []string{"bell ring [flags] [TOWER]", "bell tower list"},
		More:    []manual.Section{{Title: "Exit status", Text: "As usual:", Terms: [][2]string{{"0", "it rang"}}}},
		SeeAlso: []string{"clock(1)"},
	}
}

func TestPageTellsWhatTheCommandLineTakes(t *testing.T) {
	text := shown(t, page())
	for _, want := range []string{
		"bell - ring - or not", "bell ring [flags] [TOWER]", "Ring a bell.", "--times OFTEN", "How OFTEN (default: 3) [$BELL_TIMES].",
		"bell tower list", "List them ± all.", ".SH is no macro here", "'nor is this", `bell ring \ 'twice'`, "More ...", "-q", "EXIT STATUS", "it rang", "clock(1)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
	for _, hidden := range []string{"ghost", "secret"} {
		if strings.Contains(text, hidden) {
			t.Errorf("the page tells of %q", hidden)
		}
	}
	if n := strings.Count(text, "--quiet"); n != 1 {
		t.Errorf("the flag of all commands is there %d times", n)
	}
}

// TestPagesOfTheProgramsHaveNoFault has the manual's formatter read the committed pages.
func TestPagesOfTheProgramsHaveNoFault(t *testing.T) {
	for _, file := range []string{"../../yodel/yodel.1", "../../yodeld/yodeld.8"} {
		format(t, file)
	}
}

func shown(t *testing.T, p manual.Page) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bell.8")
	if err := os.WriteFile(file, []byte(p.Roff()), 0o600); err != nil {
		t.Fatal(err)
	}
	return format(t, file)
}

// format gives a page as a terminal of 200 columns shows it, and fails on warnings. Without man the test is skipped, but in CI.
func format(t *testing.T, file string) string {
	t.Helper()
	if _, err := exec.LookPath("man"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the manual pages are not looked at: ", err)
	}
	cmd := exec.Command("man", "--warnings", "--encoding=UTF-8", "--local-file", file)
	cmd.Env = append(os.Environ(), "MANWIDTH=200", "MANROFFSEQ=", "LC_ALL=C.UTF-8", "MANOPT=", "GROFF_NO_SGR=1", "MAN_KEEP_FORMATTING=")
	var warnings strings.Builder
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	if err != nil || warnings.Len() > 0 {
		t.Errorf("%s: %v\n%s", file, err, warnings.String())
	}
	return string(out)
}
