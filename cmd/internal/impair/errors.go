package impair

import "errors"

// ErrConfig says that a Config cannot be meant as it is written.
var ErrConfig = errors.New("impair: bad configuration")
