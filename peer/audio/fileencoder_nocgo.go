//go:build !cgo

package audio

// fileEncoder does not exist without libopus.
type fileEncoder struct{}

func newFileEncoder() (*fileEncoder, error) { return nil, ErrNoOpus }

func (*fileEncoder) encode([]int16) ([]byte, error) { return nil, ErrNoOpus }

func (*fileEncoder) resume([]int16) error { return ErrNoOpus }
