"""Messages to peers that must arrive in order: HL7 v2 messages, FHIR transactions.

Each kind has two tables of its own (`tables`), a function that queues (`queue`), and an
outbox (`outbox`) that is told how its peers are spoken to.
"""
