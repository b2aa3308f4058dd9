package bench_test

import (
	"bufio"
	"context"
	"flag"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"envoyd/internal/e2e"
)

// A gateway is asked once a second and no faster, so an hour of polling takes
// an hour: -polls 3600. With -gateways 10 it is six minutes, for somewhat more
// memory than the one gateway of a real house costs.
var (
	polls    = flag.Int("polls", 300, "polls of the meters in BenchmarkHour")
	gateways = flag.Int("gateways", 1, "gateways in BenchmarkHour")
)

// memory is what the kernel says of a process, in MiB: RssAnon is its own,
// RssFile are pages of the program file, which the kernel takes back at will.
type memory struct{ rss, anon, file float64 }

func memoryOf(b testing.TB, pid int) memory {
	b.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		b.Fatal(err)
	}
	found := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[2] == "kB" {
			n, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			found[f[0]] = n / 1024
		}
	}
	return memory{rss: found["VmRSS:"], anon: found["RssAnon:"], file: found["RssFile:"]}
}

// cpuOf is the CPU time a process has used. A tick is 10 ms on Linux.
func cpuOf(b testing.TB, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	user, err := strconv.Atoi(f[11])
	if err != nil {
		b.Fatal(err)
	}
	system, err := strconv.Atoi(f[12])
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// watchPage keeps a page open, as a tablet on the wall does.
func (d *bench) watchPage(ctx context.Context) {
	d.b.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.Page+"/api/v1/stream", nil)
	if err != nil {
		d.b.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer resp.Body.Close() //nolint:errcheck // only read
		for lines := bufio.NewReader(resp.Body); ; {
			if _, err := lines.ReadSlice('\n'); err != nil && err != bufio.ErrBufferFull {
				return
			}
		}
	}()
	d.b.Cleanup(func() { <-done })
}

// BenchmarkHour polls as often as an hour does, with everything switched on,
// and measures latency, CPU time and memory.
func BenchmarkHour(b *testing.B) {
	if b.N > 1 {
		b.Fatal("use -benchtime 1x")
	}
	d := setUp(b)
	count := d.addGateways(*gateways - 1)
	ctx, leave := context.WithCancel(context.Background())
	d.start()
	d.firstReading()
	d.watchPage(ctx)
	b.Cleanup(leave) // before the reader of the page is waited for
	power := d.Subscribe("envoyd/122333444555/power")
	// The start does things of its own; what is measured is the long run.
	settled := count() + 30**gateways
	e2e.WaitFor(b, "the start to be over", func() bool { return count() >= settled })
	control := d.control(ctx)
	pid := d.cmd.Process.Pid
	first, used, since, before := memoryOf(b, pid), cpuOf(b, pid), time.Now(), count()
	for count() < before+*polls {
		<-time.After(time.Second)
		if time.Since(since) > 2*time.Hour {
			b.Fatal("the polls do not come to an end")
		}
	}
	used = cpuOf(b, pid) - used
	last, done := memoryOf(b, pid), count()-before
	report(b, "", d.witness.latencies(power.All("/power"), since))
	report(b, "control-", control())
	for unit, value := range map[string]float64{
		"polls": float64(done), "s": time.Since(since).Seconds(),
		"cpu-s/1000polls": used.Seconds() / float64(done) * 1000,
		"MiB-start":       first.rss, "MiB-end": last.rss, "MiB-anon-end": last.anon, "MiB-file-end": last.file,
	} {
		b.ReportMetric(value, unit)
	}
	b.ReportMetric(0, "ns/op")
}

// report adds p50 and p99 of what was measured, which is sorted.
func report(b *testing.B, of string, late []time.Duration) {
	b.Helper()
	if len(late) == 0 {
		b.Fatal("no message was seen")
	}
	for name, part := range map[string]float64{"p50": 0.5, "p99": 0.99} {
		at := late[min(int(part*float64(len(late))), len(late)-1)]
		b.ReportMetric(float64(at)/float64(time.Millisecond), of+"ms-"+name)
	}
	b.ReportMetric(float64(len(late)), of+"messages")
}
