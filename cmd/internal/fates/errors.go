package fates

import "errors"

// ErrProfile says that a Profile cannot be meant as it is written.
var ErrProfile = errors.New("bad impairment")
