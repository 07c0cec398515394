"""transactions to FHIR servers, copies of records from them

Revision ID: 0010
Revises: 0009
"""
import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'fhir_outgoing',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('peer', sa.Text(), nullable=False),
        sa.Column('key', sa.String(length=128), nullable=False),
        sa.Column('subject', sa.Text(), nullable=False),
        sa.Column('body', sa.LargeBinary(), nullable=False),
        sa.Column('state', sa.String(length=16), nullable=False),
        sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
        sa.Column('due_at', sa.Double(), nullable=False),
        sa.Column('last_error', sa.Text(), nullable=True),
        sa.Column('created_at', sa.Double(), nullable=False),
        sa.Column('sent_at', sa.Double(), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'sent', 'dead', 'dropped')", name='ck_fhir_outgoing_state'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_fhir_outgoing')),
        sa.UniqueConstraint('key', 'peer', name=op.f('uq_fhir_outgoing_key')),
    )
    op.create_index('ix_fhir_outgoing_state_due_at', 'fhir_outgoing', ['state', 'due_at'])
    op.create_index('ix_fhir_outgoing_peer_subject', 'fhir_outgoing', ['peer', 'subject'])
    op.create_table(
        'fhir_sender',
        sa.Column('peer', sa.Text(), nullable=False),
        sa.Column('leased_until', sa.Double(), nullable=True),
        sa.Column('leased_by', sa.String(length=32), nullable=True),
        sa.Column('failures', sa.Integer(), server_default='0', nullable=False),
        sa.Column('due_at', sa.Double(), server_default='0', nullable=False),
        sa.PrimaryKeyConstraint('peer', name=op.f('pk_fhir_sender')),
    )
    op.create_table(
        'fhir_copy',
        sa.Column('server', sa.String(length=32), nullable=False),
        sa.Column('person', sa.String(length=64), nullable=False),
        sa.Column('copied_at', sa.Double(), nullable=False),
        sa.Column('missing', sa.Text(), server_default='', nullable=False),
        sa.PrimaryKeyConstraint('server', 'person', name=op.f('pk_fhir_copy')),
    )


def downgrade() -> None:
    op.drop_table('fhir_copy')
    op.drop_table('fhir_sender')
    op.drop_table('fhir_outgoing')
