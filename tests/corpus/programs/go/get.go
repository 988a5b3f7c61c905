package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// How the HTTP client is used.
type habits struct {
	url, body, client, style   string
	rounds, parallel, maxIdle  int
	every, idle, timeout, rest time.Duration
	noKeepAlive, http2, errors bool
	post, recycle              int
}

// get asks one URL many times, by net/http.
func get(args []string) func() {
	var h habits
	flags := flag.NewFlagSet("get", flag.ExitOnError)
	flags.StringVar(&h.url, "url", "", "what to ask for")
	flags.StringVar(&h.body, "body", "read", "read it, close it unread, or leak it")
	flags.StringVar(&h.client, "client", "shared", "one shared, one each left behind, one each-closed")
	flags.StringVar(&h.style, "style", "rounds", "rounds that begin together, or loops on their own")
	flags.IntVar(&h.rounds, "rounds", 1, "rounds")
	flags.IntVar(&h.parallel, "parallel", 1, "requests at a time")
	flags.IntVar(&h.maxIdle, "max-idle", 0, "MaxIdleConnsPerHost; 0 is its default, 2")
	flags.DurationVar(&h.every, "every", 0, "pause between rounds")
	flags.DurationVar(&h.idle, "idle-timeout", 90*time.Second, "IdleConnTimeout")
	flags.DurationVar(&h.timeout, "timeout", time.Minute, "context of a request")
	flags.BoolVar(&h.noKeepAlive, "no-keep-alive", false, "DisableKeepAlives")
	flags.BoolVar(&h.http2, "http2", false, "over TLS with HTTP/2")
	flags.BoolVar(&h.errors, "errors", false, "errors are part of the story")
	flags.IntVar(&h.post, "post", 0, "POST so many bytes")
	flags.IntVar(&h.recycle, "recycle", 0, "CloseIdleConnections after so many rounds")
	flags.DurationVar(&h.rest, "rest", 0, "pause in the end")
	flags.Parse(args)
	return h.play
}

func (h *habits) transport() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			count(&dials)
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil {
				count(&connected)
			}
			return conn, err
		},
		DisableKeepAlives:   h.noKeepAlive,
		ForceAttemptHTTP2:   h.http2,
		IdleConnTimeout:     h.idle,
		MaxIdleConnsPerHost: h.maxIdle,
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true},
	}
}

func (h *habits) play() {
	defer time.Sleep(h.rest)
	shared := h.transport()
	if h.style == "loops" {
		together(h.parallel, func() {
			for i := 0; i < h.rounds; i++ {
				h.ask(shared)
				time.Sleep(h.every)
			}
		})
		return
	}
	for i := 0; i < h.rounds; i++ {
		if i > 0 {
			time.Sleep(h.every)
		}
		together(h.parallel, func() {
			transport := shared
			if h.client != "shared" {
				transport = h.transport()
			}
			h.ask(transport)
			if h.client == "each-closed" {
				transport.CloseIdleConnections()
			}
		})
		if h.recycle > 0 && (i+1)%h.recycle == 0 {
			shared.CloseIdleConnections()
		}
	}
}

// together does the same in parallel and waits for all.
func together(times int, do func()) {
	var all sync.WaitGroup
	for i := 0; i < times; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			do()
		}()
	}
	all.Wait()
}

func (h *habits) ask(transport *http.Transport) {
	ctx := context.Background()
	if h.body != "leak" { // a cancelled context would close what is leaked
		limited, cancel := context.WithTimeout(ctx, h.timeout)
		defer cancel()
		ctx = limited
	}
	method, body := "GET", io.Reader(nil)
	if h.post > 0 {
		method, body = "POST", strings.NewReader(strings.Repeat("p", h.post))
	}
	request, err := http.NewRequestWithContext(ctx, method, h.url, body)
	if err != nil {
		panic(err)
	}
	count(&requests)
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %s", response.Status)
	}
	if err == nil && h.body == "read" {
		_, err = io.Copy(io.Discard, response.Body)
	}
	switch {
	case err == nil:
		count(&answers)
	case h.errors:
		count(&errors)
	default:
		panic(err)
	}
	if response != nil && h.body != "leak" {
		response.Body.Close()
	}
}
