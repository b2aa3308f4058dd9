package bench_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"envoyd/internal/e2e"
	"envoyd/internal/sim"
	"envoyd/internal/sim/home"
)

// addGateways adds n gateways to the configuration. The function returned
// counts the polls of all.
func (d *bench) addGateways(n int) (polls func() int) {
	d.b.Helper()
	var all []*sim.Sim
	blocks := ""
	for i := range n {
		s, err := sim.Start(sim.Config{Home: home.Config{Noon: true}, Serial: fmt.Sprintf("1223334446%02d", i)})
		if err != nil {
			d.b.Fatal(err)
		}
		d.b.Cleanup(func() {
			if err := s.Close(); err != nil {
				d.b.Error(err)
			}
		})
		all = append(all, s)
		blocks += fmt.Sprintf("{serial: %q, name: Home %d, address: %q, token: %q}, ", s.Identity().Serial, i, s.Gateway.Addr(), s.Token())
	}
	text, err := os.ReadFile(d.File)
	if err != nil {
		d.b.Fatal(err)
	}
	file := strings.Replace(string(text), "gateways: [", "gateways: ["+blocks, 1)
	if err := os.WriteFile(d.File, []byte(file), 0o600); err != nil {
		d.b.Fatal(err)
	}
	return func() int {
		sum := d.witness.count()
		for _, s := range all {
			sum += s.Gateway.Requests(readingsPath)
		}
		return sum
	}
}

// control measures what broker, subscriber and this machine take for a message
// without envoyd: once a second, between the gateway's answers.
func (d *bench) control(ctx context.Context) (late func() []time.Duration) {
	d.b.Helper()
	heard := d.Subscribe("control")
	o := paho.NewClientOptions().AddBroker("tcp://" + d.Sim.Broker.Addr()).SetClientID("control").
		SetUsername(d.Sim.Broker.User()).SetPassword(d.Sim.Broker.Password())
	c := paho.NewClient(o)
	if token := c.Connect(); !token.WaitTimeout(e2e.Patience) || token.Error() != nil {
		d.b.Fatal("connecting the control: ", token.Error())
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				c.Disconnect(0)
				return
			case <-tick.C:
				c.Publish("control", 0, false, strconv.FormatInt(time.Now().UnixNano(), 10))
			}
		}
	}()
	return func() []time.Duration {
		stop()
		<-done
		var all []time.Duration
		for _, m := range heard.All("control") {
			if sent, err := strconv.ParseInt(m.Payload, 10, 64); err == nil {
				all = append(all, m.At.Sub(time.Unix(0, sent)))
			}
		}
		slices.Sort(all)
		return all
	}
}
