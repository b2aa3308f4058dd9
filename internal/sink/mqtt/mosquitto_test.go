package mqtt

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"envoyd/internal/fault"
	"envoyd/internal/parts"
	"envoyd/internal/secret"
	"envoyd/internal/status"
)

var open = []string{"listener PORT 127.0.0.1", "allow_anonymous true"}

// withPasswords is a broker that knows envoyd by a password.
func withPasswords(t *testing.T, more ...string) *mosquitto {
	t.Helper()
	m := startMosquitto(t, append([]string{"listener PORT 127.0.0.1", "allow_anonymous false", "password_file DIR/passwd"}, more...)...)
	for i, user := range []string{"envoyd", "homeassistant", "evcc"} {
		args := []string{"-b", filepath.Join(m.dir, "passwd"), user, "sesame"}
		if i == 0 {
			args = append([]string{"-c"}, args...)
		}
		if out, err := exec.Command(parts.Find(t, "mosquitto_passwd"), args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return m
}

func login(user, password string) func(*paho.ClientOptions) {
	return func(o *paho.ClientOptions) { o.SetUsername(user).SetPassword(password) }
}

func TestMosquittoTakesTheRightPassword(t *testing.T) {
	m, h := withPasswords(t).up(), &health{}
	p := publisher(t, h, func(c *Config) { c.URL, c.Username, c.Password = m.url("mqtt"), "envoyd", secret.New("sesame") })
	if err := p.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := listen(t, m.url("tcp"), login("homeassistant", "sesame"))
	stop := run(t, p)
	p.cfg.Hub.Publish(large(time.Now()))
	until(t, "the state arrives", func() bool { return strings.Contains(l.get("envoyd/"+home+"/state"), `"grid_power":199`) })
	until(t, "the power arrives", func() bool { return strings.Contains(l.get("envoyd/"+home+"/power"), `"grid_w":199.2`) })
	until(t, "the documents arrive", func() bool { return l.get("homeassistant/device/envoyd_"+panel+"/config") != "" })
	if got := l.get("envoyd/status"); got != online {
		t.Errorf("status is %q", got)
	}
	stop()
	until(t, "goodbye is said", func() bool { return l.get("envoyd/status") == offline })
	if got := l.get("envoyd/" + home + "/status"); got != offline {
		t.Errorf("the gateway's own status is %q after the end of the daemon", got)
	}
	if l.heard("envoyd/status") != 2 {
		t.Error("the will was sent after a goodbye")
	}
}

func TestMosquittoRefusesTheWrongPassword(t *testing.T) {
	m, h := withPasswords(t).up(), &health{}
	p := publisher(t, h, func(c *Config) { c.URL, c.Username, c.Password = m.url("mqtt"), "envoyd", secret.New("open!wrong") })
	err := p.Check(t.Context())
	if !fault.Is(err, fault.Auth) || !strings.Contains(fault.Mend(err), "mqtt.password_file") {
		t.Errorf("check says %v, mend %q", err, fault.Mend(err))
	}
	run(t, p)
	until(t, "health is red", h.is(status.Red))
	_, message, mend := h.get()
	if !strings.Contains(mend, "mqtt.username and mqtt.password_file") || strings.Contains(message+mend, "open!wrong") {
		t.Errorf("%s: %s", message, mend)
	}
	p = publisher(t, h, func(c *Config) { c.URL = m.url("mqtt") })
	if err := p.Check(t.Context()); !strings.Contains(fault.Mend(err), "wants a login") {
		t.Errorf("without a login: %v, %q", err, fault.Mend(err))
	}
}

func TestMosquittoListsDecideWhatMayBeWritten(t *testing.T) {
	m := withPasswords(t, "acl_file DIR/acl").file("acl", "user envoyd\ntopic readwrite solar/#\n").up()
	p := publisher(t, &health{}, func(c *Config) { c.URL, c.Username, c.Password = m.url("mqtt"), "envoyd", secret.New("sesame") })
	p.limits.echo = 300 * time.Millisecond
	err := p.Check(t.Context())
	if !fault.Is(err, fault.Config) || !strings.Contains(fault.Mend(err), "user envoyd write envoyd/#") {
		t.Errorf("check says %v, mend %q", err, fault.Mend(err))
	}
}

func TestMosquittoSendsTheWillWhenTheLinkDies(t *testing.T) {
	m, h := startMosquitto(t, open...).up(), &health{}
	proxy := newProxy(t, m.url("tcp"))
	p := publisher(t, h, func(c *Config) { c.URL = "mqtt://" + proxy.address() })
	l := listen(t, m.url("tcp"), nil)
	run(t, p)
	until(t, "it is connected", h.is(status.Green))
	proxy.cut()
	until(t, "the broker says offline", func() bool { return l.heard("envoyd/status") > 1 })
	until(t, "it is back", func() bool { return l.get("envoyd/status") == online })
}

func TestMosquittoForgetsEverythingAndIsToldAgain(t *testing.T) {
	m, h := startMosquitto(t, append(open, "persistence true", "persistence_location DIR/")...).up(), &health{}
	p := publisher(t, h, func(c *Config) { c.URL = m.url("mqtt") })
	run(t, p)
	p.cfg.Hub.Publish(large(time.Now()))
	until(t, "it is connected", h.is(status.Green))
	everythingThere := func(l *listener) func() bool {
		return func() bool {
			for _, topic := range []string{"status", home + "/status", home + "/power", home + "/energy", home + "/state", home + "/meter/production", home + "/inverter/" + panel, home + "/storage", home + "/gateway"} {
				if l.get("envoyd/"+topic) == "" {
					return false
				}
			}
			return l.get("homeassistant/device/envoyd_"+home+"/config") != "" && l.get("homeassistant/device/envoyd_"+panel+"/config") != ""
		}
	}
	until(t, "all is there", everythingThere(listen(t, m.url("tcp"), nil)))
	m.kill()
	until(t, "the loss is reported", h.is(status.Red))
	p.cfg.Hub.Publish(small(time.Now(), 1)) // while nobody is there: never to be heard
	newest := large(time.Now())
	p.cfg.Hub.Publish(newest)
	m.up()
	l := listen(t, m.url("tcp"), nil)
	until(t, "all is there again", everythingThere(l))
	if n := l.heard("envoyd/" + home + "/power"); n != 1 {
		t.Errorf("%d power messages after the outage, want the newest one", n)
	}
}

func TestARealBirthIsAnswered(t *testing.T) {
	m, h := startMosquitto(t, open...).up(), &health{}
	p := publisher(t, h, func(c *Config) { c.URL, c.HA.Status = m.url("mqtt"), "ha/birth" })
	p.limits.birthPause = 0
	p.cfg.Hub.Publish(small(time.Now(), 1))
	l := listen(t, m.url("tcp"), nil)
	run(t, p)
	until(t, "it is connected", h.is(status.Green))
	out, err := exec.Command(parts.Find(t, "mosquitto_pub"), "-p", strings.TrimPrefix(m.url("x"), "x://127.0.0.1:"), "-t", "ha/birth", "-m", "online").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	until(t, "the document comes a second time", func() bool { return l.heard("homeassistant/device/envoyd_"+home+"/config") == 2 })
}

func TestChecksSayWhatIsWrong(t *testing.T) {
	http := serve(t, func(c net.Conn) {
		_, _ = bufio.NewReader(c).ReadByte()
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
	})
	hangsUp := serve(t, func(c net.Conn) { _, _ = bufio.NewReader(c).ReadByte() })
	mute := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	nobody := net.JoinHostPort("127.0.0.1", "1")
	for _, c := range []struct{ name, url, mend string }{
		{"nothing listens", "mqtt://" + nobody, "Nothing listens at " + nobody},
		{"a web server", "mqtt://" + http, "no MQTT broker"},
		{"hangs up", "mqtt://" + hangsUp, "use mqtts://"},
		{"no TLS there", "mqtts://" + http, "Nothing speaks TLS"},
		{"no WebSocket there", "ws://" + http, "no MQTT over WebSocket"},
		{"mute", "mqtt://" + mute, "Nothing answered"},
		{"unknown name", "mqtt://broker.invalid", "not known here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := publisher(t, &health{}, func(cfg *Config) { cfg.URL = c.url })
			p.limits.connect = 300 * time.Millisecond
			err := p.Check(t.Context())
			if err == nil || !strings.Contains(fault.Mend(err), c.mend) {
				t.Errorf("error %v, mend %q", err, fault.Mend(err))
			}
		})
	}
}

func TestAMuteBrokerIsAbandonedTheMomentTheDaemonEnds(t *testing.T) {
	mute := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	p := publisher(t, &health{}, func(c *Config) { c.URL = "mqtt://" + mute })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := p.Check(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("check says %v", err)
	}
	if _, running := ctx.Deadline(); running && ctx.Err() == nil {
		t.Error("it did not wait for the context")
	}
}

func TestABrokerThatStopsReadingIsLeftAndDelaysNobody(t *testing.T) {
	var once sync.Once
	stuck := make(chan struct{})
	address := serve(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		acknowledge(c, r, func(topic string) bool {
			if strings.HasSuffix(topic, "/power") {
				once.Do(func() { close(stuck) })
				<-t.Context().Done() // reads no more
				return false
			}
			return true
		})
	})
	h := &health{}
	p := publisher(t, h, func(c *Config) { c.URL = "mqtt://" + address })
	p.limits.write, p.limits.goodbye = 200*time.Millisecond, 300*time.Millisecond
	stop := run(t, p)
	until(t, "it is connected", h.is(status.Green))
	v := large(time.Now())
	for i := range 2000 {
		big := *v
		big.Time = v.Time.Add(time.Duration(i) * time.Second)
		big.Name = strings.Repeat("x", 60000) // fills the socket
		p.cfg.Hub.Publish(&big)               // never waits
		if i == 0 {
			<-stuck
		}
	}
	stop() // and the end does not wait either
}

func TestAPasswordInTheOpenIsWarnedOfOnce(t *testing.T) {
	for _, c := range []struct {
		name, url, password string
		want                int
	}{
		{"another host", "mqtt://192.0.2.1", "sesame", 1},
		{"a name", "ws://broker.invalid", "sesame", 1},
		{"this host", "mqtt://127.0.0.1:1", "sesame", 0},
		{"this host by name", "mqtt://localhost:1", "sesame", 0},
		{"encrypted", "mqtts://192.0.2.1", "sesame", 0},
		{"no password", "mqtt://192.0.2.1", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log strings.Builder
			p := publisher(t, &health{}, func(cfg *Config) {
				cfg.URL, cfg.Password, cfg.Log = c.url, secret.New(c.password), slog.New(slog.NewTextHandler(&log, nil))
			})
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := p.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(log.String(), "unencrypted"); n != c.want || strings.Contains(log.String(), "sesame") {
				t.Errorf("warned %d times: %s", n, log.String())
			}
		})
	}
}
