package influx

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"

	"envoyd/internal/reading"
)

// recorder takes every write and keeps its body.
type recorder struct{ body string }

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	r.body += string(body)
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, err
}

// Lines returns the line protocol that a batch becomes on the wire, and which
// records of it cannot be written.
func (s *Sink) Lines(batch []reading.Record) (lines []string, rejected, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var wire recorder
	options := influxdb2.DefaultOptions().SetPrecision(time.Millisecond)
	options.HTTPOptions().SetHTTPDoer(&wire)
	writer := influxdb2.NewClientWithOptions("http://127.0.0.1:1", "", options).WriteAPIBlocking("", "")
	job := s.encode(batch)
	if err := writer.WritePoint(context.Background(), protocol(job.points)...); err != nil {
		return nil, nil, err
	}
	for line := range strings.Lines(wire.body) {
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines, job.rejected(), nil
}

// RetryAfter is retryAfter.
func RetryAfter(value string, now time.Time) time.Duration { return retryAfter(value, now) }

// Authorization is authorization.
func Authorization(cfg Config) string { return authorization(cfg) }

// MayUseProxy reports whether a proxy of the environment would be asked.
func MayUseProxy(address string) bool {
	u, err := url.Parse(address)
	return err == nil && proxy(u) != nil
}
