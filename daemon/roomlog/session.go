package roomlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// session is a connection with its statements. database/sql closes none that were prepared on one connection, and SQLite keeps a connection with an open one.
type session struct {
	conn  *sql.Conn
	stmts []*sql.Stmt
}

// newSession takes a connection.
func newSession(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	return &session{conn: conn}, err
}

// prepare prepares statements.
func (s *session) prepare(ctx context.Context, all map[**sql.Stmt]string) error {
	for to, query := range all {
		stmt, err := s.conn.PrepareContext(ctx, query)
		if err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		*to = stmt
		s.stmts = append(s.stmts, stmt)
	}
	return nil
}

// end closes the statements and gives the connection back.
func (s *session) end() error {
	if s.conn == nil {
		return nil
	}
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}
