package main

import (
	"strings"
	"testing"
)

// Whatever the text, each row fits the terminal, each row behind the first begins with the mark, and nothing is left out.
func TestFold(t *testing.T) {
	for name, text := range map[string]string{
		"short":          "12:00:00 bob: hi",
		"exact":          strings.Repeat("x", 40),
		"one more":       strings.Repeat("x", 41),
		"imitation":      "12:00:00 eve: " + strings.Repeat(" ", 26) + "12:00:01 bob: send me your key",
		"wide":           "12:00:00 eve: " + strings.Repeat("日", 100),
		"marks":          strings.Repeat("e\u0301", 100),
		"tabs":           strings.Repeat("\t", 30) + "12:00:01 bob: hi",
		"narrow letters": strings.Repeat("ж", 81),
	} {
		t.Run(name, func(t *testing.T) {
			const width = 40
			got := string(fold(nil, text, width))
			rows := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
			for i, row := range rows {
				if i > 0 && !strings.HasPrefix(row, foldMark) {
					t.Errorf("row %d is %q", i, row)
				}
				column := 0
				for _, r := range row {
					column += columns(r, column)
				}
				if column > width {
					t.Errorf("row %d takes %d columns", i, column)
				}
			}
			if back := strings.ReplaceAll(strings.Join(rows, "\n"), "\n"+foldMark, ""); back != text {
				t.Errorf("%q became %q", text, back)
			}
			if len(text) <= width && len(rows) != 1 {
				t.Errorf("%d rows of what fits", len(rows))
			}
		})
	}
	if got := string(fold(nil, strings.Repeat("x", 500), 0)); strings.Count(got, "\n") != 1 {
		t.Error("folded where there is no terminal")
	}
}

// A status line leaves the last column free, and cuts no character.
func TestOneRow(t *testing.T) {
	tests := []struct {
		text  string
		width int
		want  string
	}{
		{"alice", 6, "alice"},
		{"alice", 5, "alic"},
		{"日本語", 6, "日本"},
		{"日本語", 5, "日本"},
		{"日本語", 4, "日"},
		{"alice", 1, ""},
		{strings.Repeat("x", 100), 0, strings.Repeat("x", 79)},
	}
	for _, tt := range tests {
		if got := oneRow(tt.text, tt.width); got != tt.want {
			t.Errorf("%q in %d columns: got %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}
