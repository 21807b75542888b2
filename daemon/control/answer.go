package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"yodel/daemon"
	"yodel/daemon/access"
	"yodel/wire"
)

// answer is one that is made, before it is sent: an http.ResponseWriter that keeps what is written.
type answer struct {
	header http.Header
	status int
	text   bytes.Buffer
	stops  bool // the daemon is to end after it
}

// Header gives the header, which is that of what it is sent by.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader sets the status.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write appends to the body.
func (a *answer) Write(b []byte) (int, error) { return a.text.Write(b) }

// take makes the answer of what was done.
func (a *answer) take(object any, err error) {
	if err == nil {
		a.header.Set("Content-Type", "application/json")
		_, a.stops = object.(StopAnswer)
		err = json.NewEncoder(a).Encode(object)
	}
	if err != nil {
		a.text.Reset()
		fail(a, statusOf(err), textOf(err))
	}
}

// send sends it.
func (a *answer) send(w http.ResponseWriter) error {
	a.header.Set("Content-Length", strconv.Itoa(a.text.Len()))
	w.WriteHeader(a.status)
	_, err := w.Write(a.text.Bytes())
	return err
}

func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(failure{text}) // it is a text
}

// textOf gives what the answer says of an error.
func textOf(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the daemon did not come to it in " + answerFor.String() + "; what was to be changed may be changed all the same"
	}
	return err.Error()
}

// statusOf gives the status of an answer that is an error.
func statusOf(err error) int {
	for _, of := range []struct {
		status int
		errs   []error
	}{
		{http.StatusBadRequest, []error{ErrRequest, access.ErrRequest, daemon.ErrNobody, daemon.ErrConfig, wire.ErrNick, wire.ErrRoomName}},
		{http.StatusNotFound, []error{ErrNotFound}},
		{http.StatusConflict, []error{ErrRefused, access.ErrFull}},
		{http.StatusServiceUnavailable, []error{daemon.ErrStopped, context.DeadlineExceeded, context.Canceled}},
	} {
		for _, e := range of.errs {
			if errors.Is(err, e) {
				return of.status
			}
		}
	}
	return http.StatusInternalServerError
}
