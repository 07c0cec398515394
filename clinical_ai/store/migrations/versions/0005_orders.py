"""orders

Revision ID: 0005
Revises: 0004
"""
import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    row_number = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    op.create_table('hl7_outgoing',
    sa.Column('id', row_number, autoincrement=True, nullable=False),
    sa.Column('peer', sa.Text(), nullable=False),
    sa.Column('control_id', sa.String(length=20), nullable=False),
    sa.Column('message_type', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('due_at', sa.Double(), nullable=False),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('sent_at', sa.Double(), nullable=True),
    sa.CheckConstraint("state IN ('queued', 'sent', 'dead')", name=op.f('ck_hl7_outgoing_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_hl7_outgoing')),
    sa.UniqueConstraint('control_id', 'peer', name=op.f('uq_hl7_outgoing_control_id'))
    )
    op.create_index('ix_hl7_outgoing_state_due_at', 'hl7_outgoing', ['state', 'due_at'])
    op.create_index('ix_hl7_outgoing_peer_subject', 'hl7_outgoing', ['peer', 'subject'])

    op.create_table('hl7_sender',
    sa.Column('peer', sa.Text(), nullable=False),
    sa.Column('leased_until', sa.Double(), nullable=True),
    sa.Column('leased_by', sa.String(length=32), nullable=True),
    sa.Column('failures', sa.Integer(), server_default='0', nullable=False),
    sa.Column('due_at', sa.Double(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('peer', name=op.f('pk_hl7_sender'))
    )

    op.create_table('hl7_incoming',
    sa.Column('id', row_number, autoincrement=True, nullable=False),
    sa.Column('received_at', sa.Double(), nullable=False),
    sa.Column('peer_host', sa.Text(), nullable=False),
    sa.Column('sending_application', sa.Text(), server_default='', nullable=False),
    sa.Column('sending_facility', sa.Text(), server_default='', nullable=False),
    sa.Column('message_type', sa.Text(), server_default='', nullable=False),
    sa.Column('control_id', sa.Text(), server_default='', nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('times', sa.Integer(), server_default='1', nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.Text(), server_default='', nullable=False),
    sa.CheckConstraint("state IN ('applied', 'attention', 'ignored', 'quarantined')", name=op.f('ck_hl7_incoming_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_hl7_incoming')),
    sa.UniqueConstraint('sha256', name=op.f('uq_hl7_incoming_sha256'))
    )
    op.create_index('ix_hl7_incoming_control_id', 'hl7_incoming', ['control_id'])
    op.create_index('ix_hl7_incoming_received_at', 'hl7_incoming', ['received_at'])

    op.create_table('imaging_order',
    sa.Column('id', row_number, autoincrement=True, nullable=False),
    sa.Column('accession_number', sa.Text(), nullable=False),
    sa.Column('placer_order_number', sa.Text(), server_default='', nullable=False),
    sa.Column('filler_order_number', sa.Text(), server_default='', nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('patient_id', sa.Text(), server_default='', nullable=False),
    sa.Column('issuer_of_patient_id', sa.Text(), server_default='', nullable=False),
    sa.Column('patient_name', sa.Text(), server_default='', nullable=False),
    sa.Column('patient_birth_date', sa.Text(), server_default='', nullable=False),
    sa.Column('patient_sex', sa.Text(), server_default='', nullable=False),
    sa.Column('procedure_code', sa.Text(), server_default='', nullable=False),
    sa.Column('procedure_scheme', sa.Text(), server_default='', nullable=False),
    sa.Column('procedure_text', sa.Text(), server_default='', nullable=False),
    sa.Column('reason', sa.Text(), server_default='', nullable=False),
    sa.Column('priority', sa.String(length=8), nullable=False),
    sa.Column('ordering_provider', sa.Text(), server_default='', nullable=False),
    sa.Column('scheduled_at', sa.Text(), server_default='', nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('updated_at', sa.Double(), nullable=False),
    sa.CheckConstraint("priority IN ('stat', 'asap', 'routine')", name=op.f('ck_imaging_order_priority')),
    sa.CheckConstraint("state IN ('open', 'cancelled', 'completed')", name=op.f('ck_imaging_order_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_imaging_order')),
    sa.UniqueConstraint('accession_number', 'placer_order_number', name=op.f('uq_imaging_order_accession_number'))
    )
    op.create_index('ix_imaging_order_updated_at', 'imaging_order', ['updated_at'])


def downgrade() -> None:
    op.drop_table('imaging_order')
    op.drop_table('hl7_incoming')
    op.drop_table('hl7_sender')
    op.drop_table('hl7_outgoing')
