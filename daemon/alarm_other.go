//go:build !linux

package daemon

import "time"

// alarmFile is of use on Linux only.
type alarmFile struct{}

func (a *alarm) useFile() error { return nil }

func (*alarmFile) set(time.Duration) {}
func (*alarmFile) wait() bool        { return false }
func (*alarmFile) close()            {}
