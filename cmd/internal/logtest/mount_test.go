//go:build linux

package logtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// tmpfs mounts memory of so many bytes at the state folder.
func (w *world) tmpfs(size int) error {
	if err := os.MkdirAll(w.state, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", w.state, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	w.t.Cleanup(func() { _ = unix.Unmount(w.state, unix.MNT_DETACH) })
	return nil
}

// disk is an ext4 file system in a file, mounted by a loop device.
type disk struct {
	w     *world
	image string
	at    string // where it is mounted
}

// newDisk makes a disk of so many bytes, and mounts it.
func newDisk(w *world, size int64) (*disk, error) {
	d := &disk{w: w, image: filepath.Join(w.dir, "disk.img"), at: filepath.Join(w.dir, "disk")}
	if err := errors.Join(os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, size), os.Mkdir(d.at, 0o700)); err != nil {
		return nil, err
	}
	if err := d.tool("mkfs.ext4", "-q", "-F", d.image); err != nil {
		return nil, err
	}
	w.t.Cleanup(func() { _ = unix.Unmount(d.at, unix.MNT_DETACH) })
	return d, d.mount()
}

func (d *disk) tool(args ...string) error {
	o, err := d.w.tool(args...)
	if err == nil && o.code != 0 {
		err = fmt.Errorf("%v: exit code %d, %s", args, o.code, o.stderr)
	}
	return err
}

func (d *disk) mount() error { return d.tool("mount", "-o", "loop", d.image, d.at) }

// cutPower shuts the file system down as a power cut does: nothing that was not synced gets to the disk, not even the journal.
func (d *disk) cutPower() error {
	const (
		ioctlShutdown = 0x8004587d // FS_IOC_SHUTDOWN, _IOR('X', 125, __u32)
		noLogFlush    = 2          // FS_SHUTDOWN_FLAGS_NOLOGFLUSH
	)
	f, err := os.Open(d.at)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.IoctlSetPointerInt(int(f.Fd()), ioctlShutdown, noLogFlush)
}

// restore brings the disk back, as it is when the power returns. Nothing may use it any more.
func (d *disk) restore() error {
	// The daemon that has just ended may still be about to let go of its files.
	for try := 0; ; try++ {
		err := unix.Unmount(d.at, 0)
		if err == nil {
			return d.mount()
		}
		if !errors.Is(err, unix.EBUSY) || try == 100 {
			return fmt.Errorf("umount: %w", err)
		}
		if err := d.w.pause(20 * time.Millisecond); err != nil {
			return err
		}
	}
}
