package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// explainConfig says what may help against an error of opening a configuration file.
func explainConfig(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) && path == packagedConfig {
		return fmt.Errorf("%w: yodeld config default > %s makes one; so does installing the package again, with dpkg --force-confmiss", err, path)
	}
	return explainPermission(path, err)
}

// explainStart says what may help against an error with which the daemon does not start; keys is its file of keys.
func explainStart(keys string, err error) error {
	if errors.Is(err, syscall.EAFNOSUPPORT) {
		return fmt.Errorf("%w: without IPv6 all addresses are 0.0.0.0, as in --listen 0.0.0.0:9635", err)
	}
	return explainPermission(keys, err)
}

// explainPermission says who must be able to read a file, if that is what is wrong.
func explainPermission(path string, err error) error {
	var of *fs.PathError
	if os.Geteuid() == 0 || !errors.As(err, &of) || of.Path != path || !errors.Is(of, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w: the daemon is not root and must be able to read it: mode 0644, or 0640 and the group yodel", err)
}
