//go:build linux

package systemd_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Who installs as root may have a umask of their own; the daemon, which is not root, and all users must be able to read what is installed.
func TestInstalledFilesCanBeRead(t *testing.T) {
	bin, root := t.TempDir(), t.TempDir()
	outside(t, "CGO_ENABLED=0", "go", "build", "-tags", "nolibopusfile,urfave_cli_no_docs", "-buildvcs=false", "-o", bin, "./cmd/yodeld")
	if err := os.WriteFile(filepath.Join(bin, "yodel"), nil, 0o700); err != nil { // the peer is not run here
		t.Fatal(err)
	}
	outside(t, "DESTDIR="+root, "sh", "-c", `umask 077; make install BIN="$0" DESTDIR="$DESTDIR"`, bin)
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o444 != 0o444 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil || files < 12 {
		t.Errorf("%d files, %v", files, err)
	}
	checkPackaged(t, bin, filepath.Join(root, "etc/yodel/yodeld.toml"))
}

// checkPackaged finds the port and the mode written out in a configuration file, and nothing wrong.
func checkPackaged(t *testing.T, bin, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nlisten = \"[::]:9635\"\n", "\naccess = \"invite\"\n"} {
		if strings.Count(string(text), want) != 1 {
			t.Errorf("%s does not have %q once:\n%s", path, want, text)
		}
	}
	if out, err := exec.Command(filepath.Join(bin, "yodeld"), "config", "check", path).CombinedOutput(); err != nil {
		t.Errorf("config check: %v\n%s", err, out)
	}
}
