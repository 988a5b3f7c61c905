package main

import (
	"bufio"
	"context"
	"flag"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Sockets used by hand.
type sockets struct {
	address, mode string
	times         int
	every         time.Duration
}

// raw exchanges by hand on sockets, and ends them in the way of its mode.
func raw(args []string) func() {
	var s sockets
	flags := flag.NewFlagSet("raw", flag.ExitOnError)
	flags.StringVar(&s.address, "to", "", "host:port")
	flags.StringVar(&s.mode, "mode", "", "linger0, linger0-used, probe, hold or naive")
	flags.IntVar(&s.times, "times", 1, "exchanges")
	flags.DurationVar(&s.every, "every", 0, "pause between exchanges")
	flags.Parse(args)
	return s.play
}

func (s *sockets) dial() net.Conn {
	count(&dials)
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		panic(err)
	}
	count(&connected)
	return conn
}

// exchange asks once and reads the whole answer.
func exchange(conn net.Conn) error {
	count(&requests)
	if _, err := io.WriteString(conn, "GET /small HTTP/1.1\r\nHost: peer\r\n\r\n"); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	count(&answers)
	return nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (s *sockets) play() {
	var kept net.Conn
	for i := 0; i < s.times; i++ {
		if i > 0 {
			time.Sleep(s.every)
		}
		switch s.mode {
		case "linger0": // a reset instead of a FIN, each time
			conn := s.dial()
			must(exchange(conn))
			must(conn.(*net.TCPConn).SetLinger(0))
			must(conn.Close())
		case "linger0-used": // the same after 25 exchanges
			if kept == nil {
				kept = s.dial()
			}
			must(exchange(kept))
			if (i+1)%25 == 0 {
				must(kept.(*net.TCPConn).SetLinger(0))
				must(kept.Close())
				kept = nil
			}
		case "probe": // one exchange, as a health check does
			conn := s.dial()
			must(exchange(conn))
			must(conn.Close())
		case "hold": // one connection for all
			if kept == nil {
				kept = s.dial()
			}
			must(exchange(kept))
		case "naive": // keeps its connection, and learns that it is gone when it is used
			for kept == nil || exchange(kept) != nil {
				if kept != nil {
					count(&errors)
					kept.Close()
				}
				kept = s.dial()
			}
		default:
			panic(s.mode)
		}
	}
}

// Dials that do not become connections.
type dialler struct {
	address         string
	times, synCount int
	parallel        int
	timeout, every  time.Duration
}

// dial only dials, and goes on after errors.
func dial(args []string) func() {
	var d dialler
	flags := flag.NewFlagSet("dial", flag.ExitOnError)
	flags.StringVar(&d.address, "to", "", "host:port")
	flags.IntVar(&d.times, "times", 1, "rounds of dials")
	flags.IntVar(&d.parallel, "parallel", 1, "dials at a time")
	flags.IntVar(&d.synCount, "syn-count", 0, "TCP_SYNCNT: how often the kernel repeats a SYN")
	flags.DurationVar(&d.timeout, "timeout", time.Minute, "context of a dial")
	flags.DurationVar(&d.every, "every", 0, "pause between rounds")
	flags.Parse(args)
	return d.play
}

func (d *dialler) play() {
	for i := 0; i < d.times; i++ {
		if i > 0 {
			time.Sleep(d.every)
		}
		together(d.parallel, d.once)
	}
}

func (d *dialler) once() {
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	dialer := net.Dialer{Control: func(_, _ string, socket syscall.RawConn) error {
		if d.synCount == 0 {
			return nil
		}
		var failed error
		err := socket.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_SYNCNT, d.synCount)
		})
		if err != nil {
			return err
		}
		return failed
	}}
	count(&dials)
	conn, err := dialer.DialContext(ctx, "tcp", d.address)
	if err != nil {
		count(&errors)
		return
	}
	count(&connected)
	must(exchange(conn))
	must(conn.Close())
}
