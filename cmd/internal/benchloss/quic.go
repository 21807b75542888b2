//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/quic-go/quic-go"

	"yodel/cmd/internal/netem"
)

// overQUIC is quic-go with one stream.
func overQUIC(h *hop, p *plan, loss float64) (t *times, repeated int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	a, b, err := h.udp()
	if err != nil {
		return nil, 0, err
	}
	near, far := &quic.Transport{Conn: a}, &quic.Transport{Conn: b}
	defer func() { err = errors.Join(err, near.Close(), far.Close(), a.Close(), b.Close()) }()
	out, in, stop, err := connectQUIC(ctx, near, far, net.UDPAddrFromAddrPort(h.addr(netem.B)))
	if err != nil {
		return nil, 0, fmt.Errorf("connecting: %w", err)
	}
	defer stop()
	if err := h.lose(loss); err != nil {
		return nil, 0, err
	}
	t, err = framed(p, out, in, stop)
	return t, 0, err
}

// connectQUIC gives both ends of a stream, which carried 4 bytes, and what ends its connection.
func connectQUIC(ctx context.Context, near, far *quic.Transport, to net.Addr) (out *quic.SendStream, in *quic.ReceiveStream, stop func(), err error) {
	server, client, err := tlsConfigs()
	if err != nil {
		return nil, nil, nil, err
	}
	listener, err := far.Listen(server, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	dialled, err := near.Dial(ctx, to, client, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	accepted, err := listener.Accept(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	stop = func() { _, _ = dialled.CloseWithError(0, ""), accepted.CloseWithError(0, "") }
	if out, err = dialled.OpenUniStreamSync(ctx); err != nil {
		return nil, nil, stop, err
	}
	if _, err = out.Write(make([]byte, 4)); err != nil { // the other side hears of a stream with its first bytes
		return nil, nil, stop, err
	}
	if in, err = accepted.AcceptUniStream(ctx); err != nil {
		return nil, nil, stop, err
	}
	_, err = in.Read(make([]byte, 4))
	return out, in, stop, err
}

// tlsConfigs makes a certificate for this run.
func tlsConfigs() (server, client *tls.Config, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"hop"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	protocols := []string{"bench"}
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: protocols}
	client = &tls.Config{RootCAs: roots, ServerName: "hop", NextProtos: protocols}
	return server, client, nil
}
