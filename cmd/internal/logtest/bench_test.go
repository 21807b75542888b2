//go:build linux

package logtest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"

	"yodel/cmd/internal/load"
)

// bench has `yodel bench` load the daemon.
func (w *world) bench(args ...string) (*load.Result, error) {
	line := []string{
		filepath.Join(settings.Bin, "yodel"), "bench", "--json", "--quiet", "--server", w.listen,
		"--pid", strconv.Itoa(w.daemon.Cmd.Process.Pid),
	}
	o, err := w.tool(append(line, args...)...)
	if err != nil {
		return nil, err
	}
	if o.code != 0 {
		return nil, fmt.Errorf("yodel bench: exit code %d, %s", o.code, o.stderr)
	}
	r := new(load.Result)
	if err := json.Unmarshal([]byte(o.stdout()), r); err != nil {
		return nil, fmt.Errorf("yodel bench: %w: %s", err, o.stdout())
	}
	return r, nil
}
