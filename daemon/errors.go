package daemon

import "errors"

// ErrConfig is a configuration that cannot be used. It is wrapped with what is wrong.
var ErrConfig = errors.New("bad configuration")

// ErrLog tells that the room log can be trusted no longer, so that the daemon has ended.
var ErrLog = errors.New("the room log has failed")

// errContained is a datagram in whose work there was a panic; that is counted already.
var errContained = errors.New("panic contained")

// errNobody is a protected datagram from an address at which no session is known.
var errNobody = errors.New("no session at that address")

// ErrStopped is given by the methods of a daemon that has ended.
var ErrStopped = errors.New("the daemon has stopped")

// ErrNobody is a request of the operator that does not say whom it is about.
var ErrNobody = errors.New("nobody is named")

// errDisk is a disk that does not answer at the daemon's end.
var errDisk = errors.New("the disk does not answer; what has no receipt may be lost")

// ErrNotStored is a change of who may come in that the disk did not take.
var ErrNotStored = errors.New("not stored")

// ErrStuck tells that a part of the daemon does not go on. It is wrapped with which one.
var ErrStuck = errors.New("stuck")
