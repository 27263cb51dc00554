package main

import (
	"strconv"
	"time"
)

// contractBody appends the request of the contract, with an id of its own for
// each n.
func contractBody(b []byte, n int64) []byte {
	return bodyWith(b, func(b []byte) []byte { return appendUUID(b, uint64(n)) })
}

// timedBody is the same with an id that says when it was made.
func timedBody(b []byte, n int64) []byte {
	return bodyWith(b, func(b []byte) []byte {
		b = strconv.AppendUint(b, mix(uint64(n)), 36)
		return strconv.AppendInt(append(b, '.'), time.Now().UnixNano(), 10)
	})
}

func bodyWith(b []byte, id func([]byte) []byte) []byte {
	b = append(b, `{"deployment":{"type":"worker","projectName":"api-service","deploymentId":"`...)
	b = id(b)
	return append(b, `","branch":"feature/add-auth","commitHash":"abc123def4567890abc123def4567890abc12345","commitMessage":"Add JWT authentication\n\nImplemented:\n- Token generation\n- Token validation\n- Refresh tokens","author":"dev@example.com","timestamp":"2025-01-15T10:30:45Z","environment":"production","isCI":true}}`...)
}

// appendUUID appends what looks like a random UUID, as build ids are: ids that
// grow in order would flatter an index.
func appendUUID(b []byte, n uint64) []byte {
	const digits = "0123456789abcdef"
	hi, lo := mix(n), mix(n^0x9e3779b97f4a7c15)
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			b = append(b, '-')
		}
		if i < 16 {
			b = append(b, digits[hi>>(60-4*i)&15])
		} else {
			b = append(b, digits[lo>>(60-4*(i-16))&15])
		}
	}
	return b
}

// mix is the finaliser of SplitMix64: one to one, and without any visible order.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
