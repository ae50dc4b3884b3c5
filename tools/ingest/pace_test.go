package ingest

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// a deadlined writer notes how long it is given.
type deadlined struct {
	http.ResponseWriter
	until []time.Time
}

func (d *deadlined) SetReadDeadline(t time.Time) error {
	d.until = append(d.until, t)
	return nil
}

func TestTimeIsGivenForBytesThatCome(t *testing.T) {
	h := &handler{o: HandlerOptions{Stall: time.Minute}}
	w := &deadlined{ResponseWriter: httptest.NewRecorder()}
	end := time.Now().Add(time.Hour)
	body := h.pace(w, bytes.NewReader(make([]byte, 3*pieceBytes)), end)
	for i, given := range []int{1, 1, 2, 2, 3, 3} { // each reads half a piece
		if len(w.until) != given {
			t.Errorf("after %d reads time was given %d times, not %d", i, len(w.until), given)
		}
		_, _ = body.Read(make([]byte, pieceBytes/2))
	}
	if _, err := body.Read(make([]byte, 1)); err != io.EOF || len(w.until) != 5 || !w.until[4].Equal(end) {
		t.Errorf("at the end: %v %v", err, w.until)
	}
	h.o.Stall = 2 * time.Hour
	if h.pace(w, nil, end); !w.until[5].Equal(end) {
		t.Errorf("time was given until %v, which is after the end", w.until[5])
	}
}

// halfPost begins a request and leaves it there.
func halfPost(t *testing.T, url, path, kind string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	head := "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: " + kind + "\r\nContent-Length: 1000000\r\n\r\n"
	if _, err := io.WriteString(c, head+strings.Repeat(" ", 600<<10)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBodiesThatStandStillAreCutBeforeTheirTime(t *testing.T) {
	stall, _ := newReceiver(t).start().served(ServeOptions{ReadTimeout: time.Hour, Handler: HandlerOptions{Stall: 200 * time.Millisecond}})
	short, _ := newReceiver(t).start().served(ServeOptions{ReadTimeout: 200 * time.Millisecond, Handler: HandlerOptions{Stall: time.Hour}})
	for _, c := range []net.Conn{
		halfPost(t, stall, "/v1/events", "application/json"),
		halfPost(t, stall, "/v1/exports", "application/gzip"),
		halfPost(t, short, "/v1/events", "application/json"),
	} {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		answer := make([]byte, 12)
		if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "HTTP/1.1 408" {
			t.Errorf("answered %q %v", answer, err)
		}
	}
}

func TestExportsOnTheirWayKeepNobodyWaiting(t *testing.T) {
	r := newReceiver(t).start()
	url, _ := r.served(ServeOptions{Handler: HandlerOptions{Stall: time.Hour}})
	for range 2 * maxExports {
		defer halfPost(t, url, "/v1/exports", "application/gzip").Close()
	}
	answer, err := http.Post(url+"/v1/exports", "application/gzip", bytes.NewReader(zipped(exportDocument(eventID(1), "", events(0, 3)))))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Errorf("answered %d", answer.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestFewStreamsShareAConnection(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	r := newReceiver(t).start()
	url, _ := r.served(ServeOptions{TLS: &tls.Config{Certificates: certified.TLS.Certificates}})
	address := url[strings.Index(url, "//")+2:]
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const emptySettings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	if _, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+emptySettings); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 9) // RFC 9113, 4.1: length, type, flags, stream
	if _, err := io.ReadFull(c, head); err != nil || head[3] != 4 {
		t.Fatalf("no settings: %x %v", head, err)
	}
	settings := make([]byte, int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(c, settings); err != nil {
		t.Fatal(err)
	}
	streams := uint32(0)
	for at := 0; at+6 <= len(settings); at += 6 { // 6.5.1: 3 is the number of streams
		if binary.BigEndian.Uint16(settings[at:]) == 3 {
			streams = binary.BigEndian.Uint32(settings[at+2:])
		}
	}
	if streams != maxStreams {
		t.Errorf("%d streams a connection", streams)
	}
}
