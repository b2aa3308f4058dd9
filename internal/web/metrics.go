package web

import (
	"net/http"
	"strings"

	"envoyd/internal/reading"
	"envoyd/internal/status"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics answers in the Prometheus format. The numbers are looked up when
// somebody asks: nothing is counted twice, and a series that is stale is left
// out rather than repeated.
func (s *Server) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collector{s},
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	powerDesc     = desc("enphase_power_watts", "Power at present; see the flow's sign in the README.", "gateway", "flow")
	energyDesc    = desc("enphase_energy_watt_hours_total", "Lifetime energy; never steps down.", "gateway", "flow")
	timestampDesc = desc("enphase_reading_timestamp_seconds", "When power was measured.", "gateway")

	buildDesc     = desc("envoyd_build_info", "Always 1; the version is a label.", "version")
	pollsDesc     = desc("envoyd_polls_total", "Requests to the gateway.", "gateway")
	failuresDesc  = desc("envoyd_poll_failures_total", "Requests that failed.", "gateway")
	refusedDesc   = desc("envoyd_refused_values_total", "Values that were not believed, by why.", "gateway", "reason")
	heldDesc      = desc("envoyd_held_answers_total", "Answers of which nothing was published.", "gateway")
	latencyDesc   = desc("envoyd_answer_seconds", "Time to the last byte of the newest answer.", "gateway")
	tokenDesc     = desc("envoyd_token_expiry_timestamp_seconds", "When the gateway token ends.", "gateway")
	backlogDesc   = desc("envoyd_backlog_records", "Records a sink has not taken yet.", "sink")
	bytesDesc     = desc("envoyd_store_bytes", "Size of the store on disk.")
	droppedDesc   = desc("envoyd_store_dropped_records_total", "Records dropped before every sink had them.")
	cloudDesc     = desc("envoyd_cloud_calls", "Calls to the Enlighten cloud in this month, by what for.", "purpose")
	minuteDesc    = desc("envoyd_cloud_calls_last_minute", "Calls to the Enlighten cloud in the last minute.")
	limitDesc     = desc("envoyd_cloud_calls_limit", "Calls to the Enlighten cloud that the plan allows.", "period")
	blockedDesc   = desc("envoyd_cloud_blocked_until_timestamp_seconds", "Until when Enphase wants no call.")
	conditionDesc = desc("envoyd_condition", "Health of a part: 0 green, 1 yellow, 2 red.", "name")
)

// collector looks the numbers up.
type collector struct{ s *Server }

// Describe sends nothing: which series there are depends on the house.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends every number that is known now.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	for _, r := range c.s.cfg.Hub.All() {
		collectReading(ch, r)
	}
	for _, g := range c.s.cfg.Gateways() {
		collectGateway(ch, g)
	}
	d := c.s.cfg.Daemon()
	for sink, n := range d.Backlog {
		gauge(ch, backlogDesc, float64(n), sink)
	}
	gauge(ch, bytesDesc, float64(d.StoreBytes))
	counter(ch, droppedDesc, float64(d.StoreDropped))
	if d.Cloud != nil {
		collectCloud(ch, d.Cloud)
	}
	gauge(ch, buildDesc, 1, c.s.cfg.Version)
	for _, cond := range c.s.cfg.Board.Conditions() {
		gauge(ch, conditionDesc, map[status.State]float64{status.Yellow: 1, status.Red: 2}[cond.State], cond.Name)
	}
}

func collectReading(ch chan<- prometheus.Metric, r *reading.Reading) {
	for _, f := range r.Energy.Fields() {
		if n, ok := f.Value.Get(); ok {
			counter(ch, energyDesc, n, r.Gateway, strings.TrimSuffix(f.Name, "_wh"))
		}
	}
	// The time stays when power is stale: how old it is, is what an alarm asks.
	if !r.Time.IsZero() {
		gauge(ch, timestampDesc, float64(r.Time.UnixMilli())/1000, r.Gateway)
	}
	if r.Quality != reading.Good {
		return
	}
	for _, f := range r.Power.Fields() {
		if n, ok := f.Value.Get(); ok {
			gauge(ch, powerDesc, n, r.Gateway, strings.TrimSuffix(f.Name, "_w"))
		}
	}
}

func collectGateway(ch chan<- prometheus.Metric, g Gateway) {
	counter(ch, pollsDesc, float64(g.Polls), g.Gateway)
	counter(ch, failuresDesc, float64(g.Failures), g.Gateway)
	for reason, n := range g.RefusedFor {
		counter(ch, refusedDesc, float64(n), g.Gateway, reason)
	}
	counter(ch, heldDesc, float64(g.Held), g.Gateway)
	if g.LatencyMs > 0 {
		gauge(ch, latencyDesc, g.LatencyMs/1000, g.Gateway)
	}
	if !g.TokenExpires.IsZero() {
		gauge(ch, tokenDesc, float64(g.TokenExpires.Unix()), g.Gateway)
	}
}

func collectCloud(ch chan<- prometheus.Metric, c *Cloud) {
	for purpose, n := range c.UsedBy {
		gauge(ch, cloudDesc, float64(n), purpose)
	}
	gauge(ch, minuteDesc, float64(c.MinuteUsed))
	gauge(ch, limitDesc, float64(c.MinuteLimit), "minute")
	gauge(ch, limitDesc, float64(c.MonthLimit), "month")
	if !c.BlockedUntil.IsZero() {
		gauge(ch, blockedDesc, float64(c.BlockedUntil.Unix()))
	}
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	send(ch, d, prometheus.GaugeValue, v, labels)
}

func counter(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	send(ch, d, prometheus.CounterValue, v, labels)
}

// send leaves a series out that cannot be written, a label that is not UTF-8,
// rather than end the program.
func send(ch chan<- prometheus.Metric, d *prometheus.Desc, kind prometheus.ValueType, v float64, labels []string) {
	if m, err := prometheus.NewConstMetric(d, kind, v, labels...); err == nil {
		ch <- m
	}
}
