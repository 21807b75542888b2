package manual

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the manual page anew")

// Check fails when the file is not the page; with -update it is written.
func Check(t *testing.T, p Page, file string) {
	t.Helper()
	want := p.Roff()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the commands make: run make generate", file)
	}
}
