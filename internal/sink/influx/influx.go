// Package influx writes records to a database that speaks InfluxDB's version 2
// write endpoint: InfluxDB 2, 1.8 and later, 3, VictoriaMetrics.
//
// It turns records into points (points.go holds the frozen schema), makes one
// blocking request of them and sorts the answer by what can be done about it.
// A request either stored everything, or the sink finds out which points the
// database will never take and has everything else stored before it says so.
//
// It never retries, queues or drops by itself; package deliver does the first,
// the store the second and nobody the third. Of the client library only the
// blocking writer without batching is used, because the others lose data. It
// neither creates buckets nor reads data.
package influx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	clientlog "github.com/influxdata/influxdb-client-go/v2/log"

	"envoyd/internal/fault"
	"envoyd/internal/reading"
	"envoyd/internal/secret"
)

// Config says which database, and how points are named. Only URL is needed.
type Config struct {
	URL      string            // base address: http://host:8086, https://host/path
	Org      string            // InfluxDB 2: name or id; ignored by the others
	Bucket   string            // InfluxDB 2: bucket; 1.8: "db" or "db/rp"; ignored by VictoriaMetrics
	Token    secret.Text       // instead of Username and Password
	Username string            // 1.8
	Password secret.Text       // 1.8
	CAFile   string            // PEM, trusted besides the system's authorities
	Prefix   string            // of measurement names; default "enphase_"
	NoPrefix bool              // measurement names begin with nothing
	Tags     map[string]string // added to every point; empty values are left out
	Interval time.Duration     // least time between two points of a series, by measurement time; default 1 s
	Log      *slog.Logger      // default: none
	// Dial opens connections; default: the host's network. For tests without one.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	defaultPrefix   = "enphase_"
	defaultInterval = time.Second
)

// Sink is a database. Write and Check may be called from several goroutines;
// writes happen one after the other.
type Sink struct {
	cfg    Config
	http   *http.Client
	writer api.WriteAPIBlocking
	log    *slog.Logger

	mu     sync.Mutex
	thin   thinner
	poison map[string]error // points found unstorable while a batch is still not through
	broken int              // answers 500 in a row
}

// silence turns the client library's process-wide logger off: it would print
// what this package returns as errors. Once, because two sinks doing it at the
// same time would race.
var silence = sync.OnceFunc(func() { clientlog.Log = nil })

// New checks the configuration and returns a sink; it does not connect. The
// error joins every fault found in the settings, each a *fault.Error that names
// its key and a mend; the CA file is read when all else is well.
func New(cfg Config) (*Sink, error) {
	if cfg.Prefix == "" && !cfg.NoPrefix {
		cfg.Prefix = defaultPrefix
	}
	if cfg.Interval == 0 {
		cfg.Interval = defaultInterval
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	base, err := validate(cfg)
	if err != nil {
		return nil, err
	}
	client, err := newHTTPClient(base, cfg)
	if err != nil {
		return nil, err
	}
	if base.Scheme == "http" && authorization(cfg) != "" && !loopback(base.Hostname()) {
		cfg.Log.Warn("the login for the database travels unencrypted", "url", base.String(), "mend", "Use https:// in influx.url.")
	}
	silence()
	options := influxdb2.DefaultOptions().SetPrecision(time.Millisecond).SetApplicationName("envoyd")
	options.HTTPOptions().SetHTTPDoer(newConversation(client, cfg))
	library := influxdb2.NewClientWithOptions(base.String(), "", options)
	return &Sink{
		cfg:    cfg,
		http:   client,
		writer: library.WriteAPIBlocking(cfg.Org, cfg.Bucket),
		log:    cfg.Log,
		thin:   thinner{interval: cfg.Interval, last: map[string]time.Time{}},
		poison: map[string]error{},
	}, nil
}

// Close gives the connection back. The sink stays usable.
func (s *Sink) Close() { s.http.CloseIdleConnections() }

// Write stores the batch. It returns nil when everything was stored,
// *fault.Rejected naming the records of which at least one point can never be
// stored when all the rest was, and otherwise a *fault.Error: then anything
// between nothing and all has been stored and the whole batch is to be written
// again, which does no harm.
func (s *Sink) Write(ctx context.Context, batch []reading.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	job := s.encode(batch)
	if err := s.store(ctx, job); err != nil {
		return s.explain(err)
	}
	s.thin.commit(job.points)
	clear(s.poison)
	return job.rejected()
}

// store sends a job's points and sees to those that are refused.
func (s *Sink) store(ctx context.Context, job *job) error {
	points := s.withoutPoison(job)
	err := s.send(ctx, points)
	if err == nil {
		return nil
	}
	if !s.isolable(err) {
		return err
	}
	s.log.Debug("looking for the points that the database refuses", "points", len(points), "why", err)
	return s.isolate(ctx, job, points, err)
}

// withoutPoison returns the job's points but those an earlier try found bad.
func (s *Sink) withoutPoison(job *job) []point {
	good := make([]point, 0, len(job.points))
	for _, p := range job.points {
		if why, bad := s.poison[p.id()]; bad {
			job.reject(p.record, why)
			continue
		}
		good = append(good, p)
	}
	return good
}

// send makes one request of the points.
func (s *Sink) send(ctx context.Context, points []point) error {
	if len(points) == 0 {
		return nil
	}
	err := s.writer.WritePoint(ctx, protocol(points)...)
	if a, ok := errors.AsType[*answer](err); ok && a.status == http.StatusInternalServerError {
		s.broken++
	} else {
		s.broken = 0
	}
	return err
}

// explain wraps a failure with its kind and mend.
func (s *Sink) explain(err error) error {
	if _, done := errors.AsType[*fault.Error](err); done {
		return err
	}
	return classify(err, s.where())
}

// where names the database for people, without anything secret.
func (s *Sink) where() string {
	name := strings.TrimSuffix(s.cfg.URL, "/")
	if s.cfg.Bucket != "" {
		name = fmt.Sprintf("%s (bucket %q)", name, s.cfg.Bucket)
	}
	return name
}
