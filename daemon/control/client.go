package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"yodel/daemon"
	"yodel/daemon/access"
	"yodel/wire"
)

// maxAnswer is the longest answer that is read: that of the most peers and some.
const maxAnswer = 64 << 20

// Client asks a daemon through its control socket. Each call is a connection of its own; its context bounds it. Errors: those of errors.go.
type Client struct {
	path string
	http *http.Client
}

// NewClient makes a client of the socket at a path; nothing is connected yet.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		patience := answerFor
		if until, bounded := ctx.Deadline(); bounded {
			patience = time.Until(until)
		}
		return connect(path, max(patience, time.Millisecond))
	}
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{
		DialContext: dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
	}}}
}

// Status asks what goes on.
func (c *Client) Status(ctx context.Context) (s daemon.Status, err error) {
	return s, c.get(ctx, "/v1/status", &s)
}

// Rooms asks for the rooms.
func (c *Client) Rooms(ctx context.Context) (all []daemon.RoomStatus, err error) {
	return all, c.get(ctx, "/v1/rooms", &all)
}

// Peers asks for the sessions.
func (c *Client) Peers(ctx context.Context) (all []daemon.PeerStatus, err error) {
	return all, c.get(ctx, "/v1/peers", &all)
}

// Keys asks for the keys that are known.
func (c *Client) Keys(ctx context.Context) (all []access.KeyInfo, err error) {
	return all, c.get(ctx, "/v1/keys", &all)
}

// Bans asks for the bans that hold.
func (c *Client) Bans(ctx context.Context) (all []access.BanInfo, err error) {
	return all, c.get(ctx, "/v1/bans", &all)
}

// Kick ends sessions; ErrNotFound when there are none.
func (c *Client) Kick(ctx context.Context, q KickRequest) (a KickAnswer, err error) {
	return a, c.post(ctx, "/v1/kick", q, &a)
}

// Ban keeps somebody out; ErrNotFound when nobody is there under the nick.
func (c *Client) Ban(ctx context.Context, q BanRequest) (a BanAnswer, err error) {
	return a, c.post(ctx, "/v1/bans", q, &a)
}

// Unban lifts a ban; ErrNotFound when there is none.
func (c *Client) Unban(ctx context.Context, q UnbanRequest) error {
	return c.post(ctx, "/v1/unban", q, &Done{})
}

// Allow lets a key in.
func (c *Client) Allow(ctx context.Context, q AllowRequest) error {
	return c.post(ctx, "/v1/keys/allow", q, &Done{})
}

// Deny keeps a key out, and the one that has its place.
func (c *Client) Deny(ctx context.Context, q DenyRequest) (a DenyAnswer, err error) {
	return a, c.post(ctx, "/v1/keys/deny", q, &a)
}

// Invite makes an invite.
func (c *Client) Invite(ctx context.Context, q InviteRequest) (a InviteAnswer, err error) {
	return a, c.post(ctx, "/v1/invites", q, &a)
}

// Invites asks for the invites that let somebody in.
func (c *Client) Invites(ctx context.Context) (all []access.InviteInfo, err error) {
	return all, c.get(ctx, "/v1/invites", &all)
}

// Revoke takes an invite back; ErrNotFound when there is none.
func (c *Client) Revoke(ctx context.Context, q RevokeRequest) (a RevokeAnswer, err error) {
	return a, c.post(ctx, "/v1/invites/revoke", q, &a)
}

// SetRoom changes a room.
func (c *Client) SetRoom(ctx context.Context, q RoomRequest) error {
	return c.post(ctx, "/v1/rooms/set", q, &Done{})
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	return c.do(ctx, http.MethodGet, path, nil, into)
}

func (c *Client) post(ctx context.Context, path string, q, into any) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, path, body, into)
}

func (c *Client) do(ctx context.Context, method, path string, body []byte, into any) error { //nolint:revive // a request has these five
	r, err := http.NewRequestWithContext(ctx, method, "http://yodeld"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return c.unanswered(ctx, method, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Header.Get(mark) != marked {
		return fmt.Errorf("%w: %s", ErrForeign, c.path)
	}
	d := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer))
	if answer.StatusCode != http.StatusOK {
		var f failure
		_ = d.Decode(&f) // the status tells as much
		return answerError(answer.StatusCode, f.Error)
	}
	if err := d.Decode(into); err != nil {
		return c.unanswered(ctx, method, err)
	}
	return nil
}

// unanswered says why there is no answer, and that what was to be changed may be changed all the same.
func (c *Client) unanswered(ctx context.Context, method string, err error) error {
	queued := errors.Is(err, syscall.EAGAIN) // it has not come to the daemon
	if errors.Is(ctx.Err(), context.Canceled) {
		err = fmt.Errorf("not waited for the answer: %w", context.Cause(ctx))
	} else if err = c.explain(err); !errors.Is(err, ErrNoAnswer) {
		return err
	}
	if method == http.MethodGet || queued {
		return err
	}
	return fmt.Errorf("%w; it may do what it was asked for all the same", err)
}

// answerError makes an error of an answer.
func answerError(status int, text string) error {
	kind := ErrFailed
	switch status {
	case http.StatusBadRequest, http.StatusMethodNotAllowed:
		kind = ErrRequest
	case http.StatusNotFound:
		kind = ErrNotFound
	case http.StatusConflict:
		kind = ErrRefused
	case http.StatusServiceUnavailable:
		kind = ErrNoAnswer
	}
	return &AnswerError{kind: kind, text: wire.Printable(text)}
}

// AnswerError is an error that the daemon answers with. It is one of those in errors.go, and says what the daemon says.
type AnswerError struct {
	kind error
	text string
}

func (e *AnswerError) Error() string {
	if e.text == "" {
		return e.kind.Error()
	}
	return e.text
}

// Unwrap gives the kind.
func (e *AnswerError) Unwrap() error { return e.kind }

// explain says what an error of the socket means.
func (c *Client) explain(err error) error {
	var timeout net.Error
	kind := ErrForeign // it speaks no HTTP, or ends in the middle
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, syscall.EAGAIN):
		kind = ErrNoAnswer // EAGAIN: its queue is full
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		kind = ErrNotRunning
	case errors.Is(err, fs.ErrPermission):
		kind = ErrPermission
	case errors.Is(err, syscall.ECONNREFUSED):
		kind = ErrNotRunning
		if info, err := os.Stat(c.path); err == nil && info.Mode().Type() != fs.ModeSocket { // what is no socket refuses, too
			kind = ErrForeign
		}
	}
	return fmt.Errorf("%w: %s", kind, c.path)
}
