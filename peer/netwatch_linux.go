package peer

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// netGroups are the changes that may give the daemon another way: of addresses and routes (rtnetlink(7)).
const netGroups = unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE

// watchNetwork reads a route socket. Where there is none to be had, nothing is told.
func watchNetwork() (changes <-chan struct{}, end func()) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, func() {}
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: netGroups}); err != nil {
		_ = unix.Close(fd)
		return nil, func() {}
	}
	told, ended := make(chan struct{}, 1), make(chan struct{})
	socket := os.NewFile(uintptr(fd), "route socket")
	go func() {
		defer close(ended)
		readChanges(socket, told)
	}()
	return told, func() {
		_ = socket.Close()
		<-ended
	}
}

// readChanges tells of each message, or that some were lost, until the socket is closed. What has changed is looked up by who is told.
func readChanges(socket *os.File, told chan<- struct{}) {
	var b [4096]byte
	for {
		if _, err := socket.Read(b[:]); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return
		}
		select {
		case told <- struct{}{}:
		default:
		}
	}
}
