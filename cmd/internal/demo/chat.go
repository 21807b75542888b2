package main

import (
	"fmt"
)

var lines = []string{"Is anybody up there?", "The weather is fine, the path is dry.", "We shout at noon."}

// chat sends lines as alice and has two readers check that each arrives once and in order.
func chat(s *stage) (report string, err error) {
	var readers []*process
	for _, nick := range []string{"bob", "carol"} {
		p, err := s.peer(nick, "read", "-f")
		if err != nil {
			return "", err
		}
		if _, err := p.next(s.ctx, "joined", ""); err != nil {
			return "", err
		}
		readers = append(readers, p)
	}
	for _, l := range lines {
		p, err := s.peer("alice", "send", l)
		if err != nil {
			return "", err
		}
		if _, err := p.next(s.ctx, "receipt", ""); err != nil {
			return "", err
		}
		if err := p.wait(s.ctx); err != nil {
			return "", err
		}
	}
	for _, r := range readers {
		for i, want := range lines {
			e, err := r.next(s.ctx, "message", "")
			if err != nil {
				return "", err
			}
			if e.Text != want || e.From != "alice" {
				return "", fmt.Errorf("message %d at %s is %q from %s, not %q from alice", i+1, r.name, e.Text, e.From, want)
			}
		}
		if err := r.stop(); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d of %d messages were received by %d peers, in order; each has its receipt.",
		len(lines), len(lines), len(readers)), nil
}
