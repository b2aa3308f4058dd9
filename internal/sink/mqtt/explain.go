package mqtt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/gorilla/websocket"

	"envoyd/internal/fault"
)

// errMute says that the broker holds the connection but no longer answers.
var errMute = errors.New("the broker does not answer")

// verdict is what a failure means for a person.
type verdict struct {
	kind fault.Kind
	mend string
}

// explain classifies a failure of the connection and says what to do.
func (p *Publisher) explain(doing string, err error) error {
	op := doing + " the MQTT broker " + p.target.address
	for _, judge := range []func(*Publisher, error) (verdict, bool){refusal, tlsTrouble, nameOrPort, notABroker} {
		if v, ok := judge(p, err); ok {
			return &fault.Error{Kind: v.kind, Op: op, Mend: v.mend, Err: bare(err)}
		}
	}
	return &fault.Error{Kind: fault.Transient, Op: op, Mend: "Check that the broker at " + p.target.address + " works.", Err: bare(err)}
}

// bare takes paho's "network Error : " off what happened.
func bare(err error) error {
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if !ok || !errors.Is(err, packets.ErrorNetworkError) {
		return err
	}
	if parts := joined.Unwrap(); len(parts) == 2 {
		return parts[1]
	}
	return err
}

// explainLoss says what ended a connection that had stood.
func (p *Publisher) explainLoss(err error) error {
	return &fault.Error{
		Kind: fault.Transient, Op: "talking to the MQTT broker " + p.target.address, Err: err,
		Mend: "It is tried again. If this repeats, look at the broker's log, and whether another program uses the client id " + p.cfg.ClientID + ".",
	}
}

// refusal judges what the broker itself answered to CONNECT.
func refusal(p *Publisher, err error) (verdict, bool) {
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		if p.cfg.Username == "" {
			return verdict{fault.Auth, "The broker wants a login: set mqtt.username and mqtt.password_file."}, true
		}
		return verdict{fault.Auth, "Check mqtt.username and mqtt.password_file: the broker refused user " + p.cfg.Username + "."}, true
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return verdict{fault.Config, "The broker does not take the client id " + p.cfg.ClientID + ": set another mqtt.client_id."}, true
	case errors.Is(err, packets.ErrorRefusedBadProtocolVersion):
		return verdict{fault.Config, "The broker does not speak MQTT 3.1.1: allow it there."}, true
	case errors.Is(err, packets.ErrorRefusedServerUnavailable):
		return verdict{fault.Transient, "The broker is not ready; it is tried again."}, true
	}
	return verdict{}, false
}

// tlsTrouble judges failures of the handshake.
func tlsTrouble(p *Publisher, err error) (verdict, bool) {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return verdict{fault.Config, "The broker's certificate is signed by an authority this host does not know: set mqtt.ca_file to that authority's certificate."}, true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return verdict{fault.Config, "The broker's certificate is for another name: write that name in mqtt.url, or give the broker a certificate for " + p.target.url.Hostname() + "."}, true
	}
	if _, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return verdict{fault.Config, "Renew the broker's certificate, and check this host's clock."}, true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return verdict{fault.Config, "Nothing speaks TLS at " + p.target.address + ": use mqtt://, or the broker's TLS port (usually 8883)."}, true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok || strings.Contains(err.Error(), "remote error: tls:") {
		return verdict{fault.Auth, "The broker refused the TLS connection: check mqtt.cert_file and mqtt.key_file, the client certificate it asks for."}, true
	}
	return verdict{}, false
}

// nameOrPort judges failures to reach the address at all.
func nameOrPort(p *Publisher, err error) (verdict, bool) {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		kind := fault.Transient // names come and go with the network
		if dns.IsNotFound {
			kind = fault.Config
		}
		return verdict{kind, "The name " + p.target.url.Hostname() + " is not known here: check mqtt.url, or write the broker's address."}, true
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return verdict{fault.Transient, "Nothing listens at " + p.target.address + ": check mqtt.url and that the broker runs and listens to this host."}, true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return verdict{fault.Transient, "There is no way to " + p.target.address + ": check mqtt.url and the network."}, true
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errMute):
		return verdict{fault.Transient, "Nothing answered at " + p.target.address + " in time: check mqtt.url, a firewall, and that the broker works."}, true
	}
	return verdict{}, false
}

// notABroker judges answers that no MQTT broker gives.
func notABroker(p *Publisher, err error) (verdict, bool) {
	switch {
	case errors.Is(err, websocket.ErrBadHandshake):
		return verdict{fault.Config, "That is no MQTT over WebSocket: check the port and the path in mqtt.url (often /mqtt)."}, true
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		if p.target.tls == nil {
			return verdict{fault.Transient, "It hung up without an answer: it may be no broker, or its TLS port (then use mqtts://)."}, true
		}
		return verdict{fault.Transient, "It hung up without an answer: it may be the broker's unencrypted port (then use mqtt://), want a client certificate (mqtt.cert_file), or be no broker."}, true
	// Half a packet: something did answer, and not in MQTT.
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, packets.ErrorNetworkError), errors.Is(err, packets.ErrorProtocolViolation):
		return verdict{fault.Config, "What answers at " + p.target.address + " is no MQTT broker: check the port in mqtt.url (usually 1883, with TLS 8883)."}, true
	}
	return verdict{}, false
}
