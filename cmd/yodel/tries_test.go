package main

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// ofSound are the scripts in which a stall of the machine that is longer than the room's delay is heard. They are tried again: what is wrong with the
// programs is wrong each time.
var ofSound = []string{"chat_sound", "chat_talk", "echo", "hear", "hear_many", "interrupt", "record", "talk", "talk_pipe"}

const soundTries = 4

// runScripts runs all scripts of a folder, each as a test of its name.
func runScripts(t *testing.T, p testscript.Params) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.Dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	p.Dir = ""
	if deadline, ok := t.Deadline(); ok {
		p.Deadline = deadline
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		p := p // each has its own: they run at once
		p.Files = []string{file}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tries := 1
			if slices.Contains(ofSound, name) {
				tries = soundTries
			}
			for n := range tries {
				a := &attempt{t: t, script: name}
				if a.run(p); !a.failed {
					return
				}
				t.Logf("try %d of %d failed", n+1, tries)
			}
			t.Fail()
		})
	}
}

// attempt is a try of one script: what fails in it does not yet fail the test.
type attempt struct {
	t      *testing.T
	script string
	failed bool
}

// run runs the script on a goroutine that FailNow and Skip can end.
func (a *attempt) run(p testscript.Params) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		testscript.RunT(a, p)
	}()
	<-done
}

func (a *attempt) Run(script string, f func(testscript.T)) {
	if script != a.script {
		a.Fatal("the script is " + script)
	}
	f(a)
}

func (a *attempt) Parallel() {}

func (a *attempt) Log(args ...any) { a.t.Log(args...) }

func (a *attempt) Skip(args ...any) {
	a.t.Log(args...)
	runtime.Goexit()
}

func (a *attempt) Fatal(args ...any) {
	a.t.Log(args...)
	a.FailNow()
}

func (a *attempt) FailNow() {
	a.failed = true
	runtime.Goexit()
}

func (a *attempt) Verbose() bool { return testing.Verbose() }
