package programs

import (
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

func start(t *testing.T, script string) (*Process, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	p, err := Start(Command{Name: "sh", Cmd: exec.Command("sh", "-c", script), Stderr: filepath.Join(t.TempDir(), "sh.err")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p, ctx
}

func TestEventsAreKeptInOrder(t *testing.T) {
	p, ctx := start(t, `echo ready; while read n; do echo '{"type":"receipt","pos":'$n'}'; done; echo why >&2; exit 3`)
	if err := p.Await(ctx, "ready", func(e []Event) bool { return len(e) > 0 && e[0].Line == "ready" }); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(p.Stdin, "7\n8\n"); err != nil {
		t.Fatal(err)
	}
	if err := p.AwaitCount(ctx, "receipt", 2); err != nil {
		t.Fatal(err)
	}
	if e, err := p.AwaitEvent(ctx, "receipt", "", 2); err != nil || e.Pos != 8 {
		t.Errorf("the second receipt is %+v, %v", e, err)
	}
	if err := p.Stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Ends(ctx, 0, 3); err != nil {
		t.Error(err)
	}
	if got := p.LastWords(); !strings.HasSuffix(got, "why") {
		t.Errorf("its last words are %q", got)
	}
}

func TestWaitsEndWithTheProcess(t *testing.T) {
	p, ctx := start(t, "echo one")
	if err := p.AwaitCount(ctx, "receipt", 1); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("waiting for what does not come: %v", err)
	}
	if err := p.Ends(ctx, 0, 1); err == nil {
		t.Error("exit code 0 was taken for 1")
	}
}

func TestWaitsEndWithTheirContext(t *testing.T) {
	p, ctx := start(t, "read forever")
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := p.AwaitCount(ended, "receipt", 1); err == nil {
		t.Error("waiting for what does not come has no error")
	}
	if code, err := p.Exit(ctx, syscall.SIGKILL); code != -1 || err != nil {
		t.Errorf("exit code %d, %v after SIGKILL", code, err)
	}
}
