package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"yodel/wire/secure"
)

// Who is denied or banned by a key that was replaced is so by the one that has its place, and both are named.
func TestAReplacedKeyIsKeptOut(t *testing.T) {
	d := serveDaemon(t)
	for _, command := range []string{"deny", "ban"} {
		args := map[string][]string{"deny": {"key", "deny"}, "ban": {"ban"}}[command]
		c := d.enters(command, "lobby", "")
		next, err := secure.NewIdentity()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := c.Succeed(ctx, next); err != nil {
			t.Fatal(err)
		}
		lines := d.wants(slices.Concat(args, []string{c.Fingerprint().String()})...)
		for i, key := range []secure.Fingerprint{c.Fingerprint(), next.Fingerprint()} {
			if len(lines) < 2 || !strings.Contains(lines[i], key.String()) {
				t.Errorf("%s: %q, want %s in line %d", command, lines, key, 1+i)
			}
		}
	}
	lines := d.wants("key", "list", "--json")
	if n := len(lines); n != 2 || strings.Count(strings.Join(lines, "\n"), `"source":"denied"`) != 2 {
		t.Errorf("%q", lines)
	}
	if lines := d.wants("bans", "--json"); len(lines) != 2 {
		t.Errorf("%q", lines)
	}
}
