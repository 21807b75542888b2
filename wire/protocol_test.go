package wire

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"yodel/wire/internal/vector"
)

// example is a code block of PROTOCOL.md that begins with ```hex FILE: CASE.
type example struct {
	file, name string
	bytes      []byte
}

// comment is what stands behind the bytes of a line, two blanks or more from them.
var comment = regexp.MustCompile(`\s{2,}.*$`)

// hexLine gives the bytes of a line: hex digits in groups, or "00 * N".
func hexLine(t *testing.T, line string) []byte {
	t.Helper()
	digits, times, repeated := strings.Cut(comment.ReplaceAllString(line, ""), " * ")
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if !repeated {
		return b
	}
	n, err := strconv.Atoi(times)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return bytes.Repeat(b, n)
}

func examples(t *testing.T) (found []example) {
	t.Helper()
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		head, isHead := strings.CutPrefix(line, "```hex ")
		switch {
		case isHead:
			file, name, _ := strings.Cut(head, ": ")
			found = append(found, example{file: file, name: name})
			inside = true
		case strings.HasPrefix(line, "```"):
			inside = false
		case inside:
			e := &found[len(found)-1]
			e.bytes = append(e.bytes, hexLine(t, line)...)
		}
	}
	return found
}

func TestExamplesOfPROTOCOLAreVectors(t *testing.T) {
	all := examples(t)
	if len(all) < 20 {
		t.Errorf("only %d examples were found", len(all))
	}
	for _, e := range all {
		t.Run(e.file+" "+e.name, func(t *testing.T) {
			for _, c := range vector.Read[map[string]any](t, filepath.Join(vectorPath, e.file)).Cases {
				if c["name"] == e.name {
					if c["hex"] != hex.EncodeToString(e.bytes) {
						t.Errorf("the example is %x, the vector %s", e.bytes, c["hex"])
					}
					return
				}
			}
			t.Error("there is no such vector")
		})
	}
}

// Links of the text lead to headings that are there.
func TestLinksOfPROTOCOL(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	headings := map[string]bool{}
	for _, h := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllSubmatch(text, -1) {
		anchor := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(string(h[1])), "")
		headings[strings.ReplaceAll(anchor, " ", "-")] = true
	}
	for _, link := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllSubmatch(text, -1) {
		if !headings[string(link[1])] {
			t.Errorf("no heading for #%s", link[1])
		}
	}
}

// Timers are named in italics, and each name stands in the table of timers.
func TestTimersOfPROTOCOL(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	body, rest, ok := strings.Cut(string(text), "\n## Timers\n")
	table, _, _ := strings.Cut(rest, "\n## ")
	if !ok {
		t.Fatal("no table of timers")
	}
	name := regexp.MustCompile(`(?:^|[^*\w])\*([a-zA-Z][^*|]*)\*(?:$|[^*\w])`)
	inTable := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| \*([^*]*)\* \|`).FindAllStringSubmatch(table, -1) {
		inTable[m[1]] = true
	}
	used := map[string]bool{}
	for _, m := range name.FindAllStringSubmatch(body+rest, -1) {
		used[m[1]] = true
		if !inTable[m[1]] && m[1] != "Italic" {
			t.Errorf("*%s* is not in the table", m[1])
		}
	}
	for n := range inTable {
		if strings.Count(string(text), "*"+n) < 2 {
			t.Errorf("*%s* is used nowhere", n)
		}
	}
	if len(used) < 30 {
		t.Errorf("only %d timers were found", len(used))
	}
}
