package mqtt

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"envoyd/internal/fault"
)

// echoWait is how long Check waits for its own message.
const echoWait = 3 * time.Second

// errNoEcho says that a message to a topic of ours was taken and not given back.
var errNoEcho = errors.New("a test message did not come back")

// Check connects as envoyd would, but under a client id of its own and without
// a will, so that a running daemon is not disturbed, and sends a message to
// <topic>/check/<random>. MQTT 3.1.1 acknowledges what an access list then
// drops, so the message is read back. The error says what is wrong and, with
// fault.Mend, what to do.
func (p *Publisher) Check(ctx context.Context) error {
	id := rand.Text()[:8]
	l, err := p.connect(ctx, p.cfg.ClientID+"-check-"+id, false)
	if err != nil {
		return err
	}
	defer l.end()
	topic := p.cfg.Topic + "/check/" + id
	back := make(chan struct{}, 1)
	heard := func(paho.Client, paho.Message) {
		select {
		case back <- struct{}{}:
		default:
		}
	}
	if err := wait(ctx, l.client.Subscribe(topic, 1, heard), p.limits.connect); err != nil {
		return p.noPermission(ctx, err)
	}
	if err := wait(ctx, l.client.Publish(topic, 1, false, id), p.limits.connect); err != nil {
		return p.noPermission(ctx, err)
	}
	timer := time.NewTimer(p.limits.echo)
	defer timer.Stop()
	select {
	case <-back:
		return nil
	case <-timer.C:
		return p.noPermission(ctx, errNoEcho)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// noPermission explains why the test message failed.
func (p *Publisher) noPermission(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, errMute) {
		return p.explain("asking", err)
	}
	who := "everybody"
	if p.cfg.Username != "" {
		who = "user " + p.cfg.Username
	}
	mend := "Let " + who + " write " + p.cfg.Topic + "/# and read " + p.cfg.Topic + "/check/# and " + p.cfg.Topic + "/status in the broker's access list"
	if p.cfg.HA.Prefix != "" {
		mend += ", and write " + p.cfg.HA.Prefix + "/device/#"
	}
	return &fault.Error{Kind: fault.Config, Op: "publishing to the MQTT broker " + p.target.address, Mend: mend + " (an example is configs/mosquitto-acl.conf).", Err: err}
}
